/**
 * Ranks of several machines meet: rank 0 listens where everybody knows, the others call it and say where they listen themselves. Once all
 * are there it sends every rank the table of these places, and each calls the ranks below it.
 */
import { randomUUID } from "node:crypto";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import {
  helloSeconds,
  listenOn,
  type Meeting,
  type MeetingOptions,
  missingRanks,
  nameRanks,
  openConnection,
} from "./meeting.ts";
import type { Rendezvous } from "./rendezvous.ts";
import { type FrameHeader, frame, HungUpError, readFrame } from "./socket-frames.ts";

/** What a rank says first. */
interface Introduction {
  /** Of the group; between ranks above 0 the token of the table. */
  readonly group: string;
  /** Where the ranks above call it. */
  readonly port: number;
}

/** Where every rank listens. A host of "" is that of rank 0. */
interface Table {
  readonly token: string;
  readonly places: readonly { readonly host: string; readonly port: number }[];
}

/** A rank is told why it is not taken, and the group goes on without it. */
class Stranger extends Error {}

/** Idle connections are probed after this time, so that a machine that lost its power is noticed. */
const keepAliveMilliseconds = 10_000;

/**
 * Meets over TCP. Who connects and is no rank of the group is turned away, and does no harm.
 *
 * @throws Error where a rank does not come in time, counts another number of ranks, or the port is taken.
 */
export async function meetOverTcp(rendezvous: Rendezvous, options: MeetingOptions): Promise<Meeting> {
  return options.rank === 0 ? receiveAll(rendezvous, options) : joinRankZero(rendezvous, options);
}

async function receiveAll({ host, port, group }: Rendezvous, options: MeetingOptions): Promise<Meeting> {
  const { size, limitSeconds, admit, admitted, failure } = options;
  const places = Array.from({ length: size }, () => ({ host: "", port: 0 }));
  const sockets = new Map<number, Socket>();
  let refusal: Error | null = null;
  const server = createServer();
  serveHellos(server, 0, group, options, (from, socket, introduction) => {
    const { remoteAddress } = socket;
    places[from] = { host: isLoopback(remoteAddress) ? "" : (remoteAddress ?? ""), port: introduction.port };
    sockets.set(from, socket);
    socket.write(hello(0, size, { group, port }));
    admit(from, socket);
  }).catch((error: Error) => {
    refusal ??= error;
  });
  try {
    await listenOn(server, isLoopback(host) ? { host, port } : { port });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(
      code === "EADDRINUSE"
        ? `rank 0 cannot listen on port ${port}: another program does, maybe rank 0 of another group; set MASTER_PORT to a free one`
        : `rank 0 cannot listen on port ${port}: ${message}`,
    );
  }
  const deadline = performance.now() + limitSeconds * 1000;
  while (missingRanks(options).length > 0 && !refusal && failure() === null && performance.now() < deadline)
    await sleep(5);
  if (refusal) throw refusal as Error;
  const missing = missingRanks(options);
  if (missing.length > 0 && failure() === null)
    throw new Error(
      `${nameRanks(missing, size)} did not join within ${limitSeconds} s at ${host}:${port}: is it started?`,
    );
  const table: Table = { token: randomUUID(), places };
  for (const [from, socket] of sockets) if (admitted(from)) socket.write(frame("table", JSON.stringify(table)));
  return { close: () => server.close() };
}

async function joinRankZero({ host, port, group }: Rendezvous, options: MeetingOptions): Promise<Meeting> {
  const { rank, size, limitSeconds, admit, failure } = options;
  const deadline = performance.now() + limitSeconds * 1000;
  const left = () => Math.max(1, (deadline - performance.now()) / 1000);
  const server = createServer();
  // Ranks above may call before this rank has the table.
  let know: (token: string) => void = () => {};
  const token = new Promise<string>((resolve) => {
    know = resolve;
  });
  let refusal: Error | null = null;
  serveHellos(server, rank, token, options, (from, socket, { group: known }) => {
    socket.write(hello(rank, size, { group: known, port: 0 }));
    admit(from, socket);
  }).catch((error: Error) => {
    refusal ??= error;
  });
  await listenOn(server, isLoopback(host) ? { host, port: 0 } : { port: 0 });
  const own: Introduction = { group, port: (server.address() as AddressInfo).port };

  const zero = await callRankZero({ host, port, group }, own, options, deadline);
  // Rank 0 waits as long as this rank, and knows better who is missing.
  const table = await readTable(zero, left() + 5);
  know(table.token);
  admit(0, zero);
  for (let peer = 1; peer < rank; peer++) {
    const place = table.places[peer];
    const where = `${place.host || host}:${place.port}`;
    try {
      const socket = await openConnection({ host: place.host || host, port: place.port }, left());
      prepare(socket);
      socket.write(hello(rank, size, { group: table.token, port: 0 }));
      const { sequence } = expectHello(await readFrame(socket, helloSeconds));
      if (sequence !== peer) throw new Error(`rank ${sequence} answers`);
      admit(peer, socket);
    } catch (error) {
      throw new Error(`rank ${peer} of ${size} cannot be reached at ${where}: ${(error as Error).message}`);
    }
  }
  while (missingRanks(options).length > 0 && performance.now() < deadline && !refusal && failure() === null)
    await sleep(5);
  if (refusal) throw refusal as Error;
  const missing = missingRanks(options);
  if (missing.length > 0 && failure() === null)
    throw new Error(
      `${nameRanks(missing, size)} did not call this rank within ${limitSeconds} s at port ${own.port}: does a firewall keep the machines apart?`,
    );
  return { close: () => server.close() };
}

/** Calls rank 0 until it answers: it may be started later. */
async function callRankZero(
  { host, port }: Rendezvous,
  own: Introduction,
  { rank, size, limitSeconds }: MeetingOptions,
  deadline: number,
): Promise<Socket> {
  let last = "";
  while (performance.now() < deadline) {
    let socket: Socket | null = null;
    try {
      socket = await openConnection({ host, port }, Math.max(1, (deadline - performance.now()) / 1000));
      prepare(socket);
      socket.write(hello(rank, size, own));
      const answer = await readFrame(socket, helloSeconds);
      // A call to a free port of one's own machine can come back to itself.
      if (expectHello(answer).sequence !== 0) throw new Error("what answers is not rank 0");
      return socket;
    } catch (error) {
      socket?.destroy();
      if (error instanceof Stranger) throw new Error(error.message);
      last = error instanceof HungUpError ? "what listens there hung up" : (error as Error).message;
    }
    await sleep(50);
  }
  throw new Error(
    `rank 0 of ${size} did not answer within ${limitSeconds} s at ${host}:${port} (${last}): is it started, and is that its machine?`,
  );
}

async function readTable(zero: Socket, seconds: number): Promise<Table> {
  try {
    const answer = await readFrame(zero, seconds);
    if (answer.kind === "table") return JSON.parse(answer.text) as Table;
    throw new Error(answer.kind === "abort" ? answer.text : `rank 0 sent ${answer.kind} instead of the table of ranks`);
  } catch (error) {
    if (error instanceof HungUpError)
      throw new Error("rank 0 is lost: its connection closed before all ranks were there");
    throw error;
  }
}

/**
 * Answers who connects. Rejects where a rank of this group has another idea of it; whoever is none is turned away. `take` is given ranks
 * that are expected.
 */
function serveHellos(
  server: Server,
  rank: number,
  group: string | Promise<string>,
  { size, admitted }: MeetingOptions,
  take: (from: number, socket: Socket, introduction: Introduction) => void,
): Promise<never> {
  return new Promise((_, reject) => {
    const answer = async (socket: Socket) => {
      prepare(socket);
      const greeting = expectHello(await readFrame(socket, helloSeconds));
      const { sequence: from, count: of, introduction } = greeting;
      if (introduction.group !== (await group))
        throw new Stranger(
          `what listens there is rank ${rank} of another group: set MASTER_PORT to a port of your own`,
        );
      if (of !== size) {
        const reason = `rank ${from} counts ${of} ranks, rank ${rank} counts ${size}`;
        reject(new Error(reason));
        throw new Stranger(reason);
      }
      if (from <= rank || from >= size || admitted(from)) throw new Stranger(`there is a rank ${from} already`);
      take(from, socket, introduction);
    };
    server.on("connection", (socket) => {
      answer(socket).catch((error: Error) => {
        if (error instanceof Stranger) socket.end(frame("abort", error.message));
        else socket.destroy();
      });
    });
  });
}

function hello(rank: number, size: number, introduction: Introduction): Buffer {
  return frame("hello", JSON.stringify(introduction), { sequence: rank, count: size });
}

/** @throws Stranger with the reason where the other side refuses, Error where it says something else. */
function expectHello(received: FrameHeader & { readonly text: string }) {
  if (received.kind === "abort") throw new Stranger(received.text);
  if (received.kind !== "hello") throw new Error(`what answers begins with ${received.kind}`);
  const introduction = JSON.parse(received.text) as Partial<Introduction>;
  if (typeof introduction.group !== "string" || !Number.isInteger(introduction.port))
    throw new Error("what answers does not say which group it belongs to");
  return { ...received, introduction: introduction as Introduction };
}

/** Small messages go at once, and a machine that is gone is noticed. */
function prepare(socket: Socket): void {
  socket.on("error", () => {});
  socket.setNoDelay(true);
  socket.setKeepAlive(true, keepAliveMilliseconds);
}

function isLoopback(host: string | undefined): boolean {
  return host === "localhost" || /^(::ffff:)?127\.|^::1$/.test(host ?? "");
}
