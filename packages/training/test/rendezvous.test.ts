/** Ranks that meet over TCP, as those of several machines do: processes of their own, late, missing, wrong and strange ones. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { frame, readFrame } from "../src/distributed/socket-frames.ts";
import { freePort } from "./ranks/free-port.ts";
import type { MeetTask } from "./ranks/meet.ts";

const program = fileURLToPath(new URL("./ranks/meet.ts", import.meta.url));

/** Connects once somebody listens. */
async function knock(port: number): Promise<Socket> {
  for (;;) {
    const socket = connect({ port, host: "127.0.0.1" });
    const up = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true)).on("error", () => resolve(false));
    });
    if (up) return socket;
    await sleep(50);
  }
}

/** Says what a rank says first; resolves to the answer. */
function greet(socket: Socket, rank: number, size: number) {
  socket.write(frame("hello", JSON.stringify({ group: "test", port: 1 }), { sequence: rank, count: size }));
  return readFrame(socket, 10);
}

interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly error: string;
  readonly seconds: number;
}

interface Started {
  readonly child: ChildProcess;
  readonly joined: Promise<void>;
  readonly ended: Promise<Ended>;
}

function start(task: Partial<MeetTask> & Pick<MeetTask, "rank" | "size" | "port">): Started {
  const begun = performance.now();
  const whole: MeetTask = { host: "127.0.0.1", group: "test", limitSeconds: 20, ...task };
  const child = spawn(process.execPath, [program, JSON.stringify(whole)], { stdio: ["ignore", "pipe", "pipe"] });
  let [output, error] = ["", ""];
  let tell = () => {};
  const joined = new Promise<void>((resolve) => {
    tell = resolve;
  });
  child.stdout.on("data", (chunk) => {
    output += String(chunk);
    if (output.startsWith("joined")) tell();
  });
  child.stderr.on("data", (chunk) => {
    error += String(chunk);
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once("close", (code) => resolve({ code, output, error, seconds: (performance.now() - begun) / 1000 }));
  });
  return { child, joined, ended };
}

/** Each got what every other sent it. */
function assertMet(ends: readonly Ended[]): void {
  for (const [rank, { code, output, error }] of ends.entries()) {
    assert.equal(code, 0, error);
    const expected = ends.flatMap((_, peer) => (peer === rank ? [] : [100 * peer + rank]));
    assert.equal(output, `joined\n${expected.join(" ")}\n`);
  }
}

const all = (ranks: readonly Started[]) => Promise.all(ranks.map(({ ended }) => ended));

test("four ranks meet, whoever comes first", async () => {
  for (const order of [
    [0, 1, 2, 3],
    [3, 2, 1, 0],
  ]) {
    const port = await freePort();
    const ranks: Started[] = [];
    for (const rank of order) {
      ranks[rank] = start({ rank, size: 4, port });
      await sleep(300);
    }
    assertMet(await all(ranks));
  }
});

test("one rank alone meets nobody", async () => {
  assertMet([await start({ rank: 0, size: 1, port: await freePort() }).ended]);
});

test("a rank that does not come is named by those who wait", async () => {
  const port = await freePort();
  const ends = await all([0, 1, 3].map((rank) => start({ rank, size: 4, port, limitSeconds: 6 })));
  for (const { code, error, seconds } of ends) {
    assert.equal(code, 1);
    assert.match(error, /rank 2 of 4 did not join within 6 s at 127\.0\.0\.1:\d+: is it started\?/);
    assert.ok(seconds < 20, `${seconds} s`);
  }
});

test("where rank 0 does not come the others say so", async () => {
  const { code, error } = await start({ rank: 1, size: 2, port: await freePort(), limitSeconds: 2 }).ended;
  assert.equal(code, 1);
  assert.match(error, /rank 1, joining: rank 0 of 2 did not answer within 2 s at 127.*ECONNREFUSED.*is it started/);
});

test("ranks that count differently end with the reason", async () => {
  const port = await freePort();
  const ends = await all([start({ rank: 0, size: 3, port }), start({ rank: 1, size: 2, port })]);
  for (const { code, error, seconds } of ends) {
    assert.equal(code, 1);
    assert.match(error, /rank 1 counts 2 ranks, rank 0 counts 3/);
    assert.ok(seconds < 12, `${seconds} s`);
  }
});

test("two groups on one port: the second is told, the first goes on", async () => {
  const port = await freePort();
  const first = [start({ rank: 0, size: 2, port, group: "one" })];
  (await knock(port)).destroy();
  const second = [0, 1].map((rank) => start({ rank, size: 2, port, group: "two", limitSeconds: 4 }));
  const [zero, one] = await all(second);
  assert.deepEqual([zero.code, one.code], [1, 1]);
  assert.match(zero.error, /rank 0 cannot listen on port \d+: another program does, maybe rank 0 of another group/);
  assert.match(one.error, /what listens there is rank 0 of another group: set MASTER_PORT/);
  first.push(start({ rank: 1, size: 2, port, group: "one" }));
  assertMet(await all(first));
});

test("strangers who send junk, half a greeting or nothing do no harm", async () => {
  const port = await freePort();
  const zero = start({ rank: 0, size: 2, port });
  const sockets = [];
  for (const text of ["GET / HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n", "0p", "", "\0".repeat(200_000)]) {
    const socket = await knock(port);
    socket.write(text);
    sockets.push(socket);
  }
  const one = start({ rank: 1, size: 2, port });
  assertMet(await all([zero, one]));
  for (const socket of sockets) socket.destroy();
});

test("a second process of a rank is turned away, and the group goes on", async () => {
  const port = await freePort();
  const ranks = [0, 1].map((rank) => start({ rank, size: 2, port, staySeconds: 3 }));
  await Promise.all(ranks.map(({ joined }) => joined));
  const answer = await greet(await knock(port), 1, 2);
  assert.deepEqual([answer.kind, answer.text], ["abort", "there is a rank 1 already"]);
  assertMet(await all(ranks));
});

test("another program on the port is no rank 0", async () => {
  const server = createServer((socket) => socket.on("error", () => {}).end("SSH-2.0-x\r\n"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const [zero, one] = await all([0, 1].map((rank) => start({ rank, size: 2, port, limitSeconds: 2 })));
  server.close();
  assert.match(zero.error, /cannot listen on port \d+: another program does/);
  assert.match(one.error, /rank 0 of 2 did not answer within 2 s at .*\((no frame|what).*\)/);
});

test("a rank that is killed, while ranks meet and afterwards, ends the others", async () => {
  const port = await freePort();
  const waiting = start({ rank: 0, size: 3, port });
  const lost = await knock(port);
  assert.equal((await greet(lost, 1, 3)).kind, "hello");
  lost.destroy();
  assert.match((await waiting.ended).error, /rank 1 is lost/);

  const ranks = [0, 1, 2].map((rank) => start({ rank, size: 3, port, rounds: 300 }));
  await Promise.all(ranks.map(({ joined }) => joined));
  ranks[2].child.kill("SIGKILL");
  const killed = performance.now();
  for (const rank of [0, 1]) {
    const { code, error } = await ranks[rank].ended;
    assert.equal(code, 1);
    assert.match(error, /rank 2 is lost/);
  }
  assert.ok(performance.now() - killed < 10_000);
});
