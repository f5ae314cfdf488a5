/** The watch over an NCCL communicator: when it gives up, and that nothing is called behind its end. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Worker } from "node:worker_threads";
import { ncclWatch } from "../src/distributed/nccl-watch.ts";
import { ncclCommands, ncclWordBytes, ncclWords, withinCall } from "../src/distributed/nccl-words.ts";
import { failSockets, socketFailure, socketMemoryBytes } from "../src/distributed/socket-memory.ts";

function watched(limitSeconds = 10) {
  const memory = new SharedArrayBuffer(socketMemoryBytes(2, 64));
  const shared = new SharedArrayBuffer(ncclWordBytes);
  const words = new Int32Array(shared);
  const calls: string[] = [];
  const state = { error: null as string | null, refuses: false };
  const watch = ncclWatch({
    nccl: {
      call(name, ...args) {
        calls.push(`${name} ${args.join(" ")}`);
        if (state.refuses) throw new Error(`${name}: ncclInternalError`);
      },
      asyncError: () => state.error,
    },
    comm: 99,
    rank: 1,
    memory,
    words,
    limitSeconds,
    endProcessIn: (seconds) => calls.push(`end in ${seconds}`),
  });
  return { memory, shared, words, calls, state, watch };
}

const aborted = ["end in 60", "ncclCommAbort 99", "end in 0"];

describe("the watch over a communicator", () => {
  test("a group that failed is aborted once, and calls are kept out from then on", () => {
    const { memory, words, calls, watch } = watched();
    assert.ok(watch.look(0));
    failSockets(memory, "rank 0 is lost");
    assert.equal(watch.look(100), false);
    assert.deepEqual(calls, aborted);
    assert.equal(
      withinCall(words, () => assert.fail("a call of what is gone")),
      false,
    );
  });

  test("who leaves in good order destroys", () => {
    const { words, calls, watch } = watched();
    assert.ok(withinCall(words, () => {}));
    words[ncclWords.command] = ncclCommands.leave;
    assert.equal(watch.look(0), false);
    assert.deepEqual(calls, ["end in 60", "ncclCommDestroy 99", "end in 0"]);
  });

  test("an error of NCCL's ends the group, but leaves the sockets a moment to name the rank", () => {
    const { memory, calls, state, watch } = watched();
    state.error = "NCCL: ncclRemoteError";
    assert.ok(watch.look(0));
    assert.ok(watch.look(900));
    assert.equal(socketFailure(memory), null);
    assert.ok(watch.look(1100));
    assert.equal(socketFailure(memory), "rank 1: NCCL: ncclRemoteError");
    assert.equal(watch.look(1200), false);
    assert.deepEqual(calls, aborted);

    const named = watched();
    named.state.error = "NCCL: ncclRemoteError";
    named.watch.look(0);
    failSockets(named.memory, "rank 0 is lost");
    assert.equal(named.watch.look(100), false);
    assert.equal(socketFailure(named.memory), "rank 0 is lost");
  });

  test("marks that the device does not come to end the group after the limit; progress starts it anew", () => {
    const { memory, words, watch } = watched(10);
    words[ncclWords.marked] = 3;
    for (const now of [0, 5000, 9900]) watch.look(now);
    words[ncclWords.passed] = 1;
    for (const now of [10_100, 15_000, 20_000]) watch.look(now);
    words[ncclWords.marked] = 4;
    for (const now of [20_050, 30_000]) watch.look(now);
    assert.deepEqual([socketFailure(memory), words[ncclWords.late]], [null, 0]);
    // Time for the ranks to find out who is missing.
    for (const now of [30_100, 45_000]) watch.look(now);
    assert.deepEqual([socketFailure(memory), words[ncclWords.late]], [null, 1]);
    watch.look(45_100);
    assert.match(
      socketFailure(memory) ?? "",
      /rank 1 gave up: its GPU did not finish .* within 10 s; one of them hangs/,
    );
  });

  test("a device that has nothing to do may idle for ever", () => {
    const { memory, words, watch } = watched(10);
    words[ncclWords.marked] = words[ncclWords.passed] = 7;
    for (let now = 0; now < 1e6; now += 1e4) assert.ok(watch.look(now));
    assert.equal(socketFailure(memory), null);
  });

  test("an end that NCCL refuses is told", () => {
    const { memory, words, state, watch } = watched();
    state.refuses = true;
    words[ncclWords.command] = ncclCommands.leave;
    assert.equal(watch.look(0), false);
    assert.equal(socketFailure(memory), "rank 1: ncclCommDestroy: ncclInternalError");
  });

  test("the end waits for a call that is under way in another thread", async () => {
    const { memory, shared, words, calls, watch } = watched();
    const source = `
      const { workerData } = require("node:worker_threads");
      const words = new Int32Array(workerData);
      Atomics.store(words, ${ncclWords.lock}, 1);
      Atomics.notify(words, ${ncclWords.lock});
      Atomics.wait(words, 15, 0, 400);
      Atomics.compareExchange(words, ${ncclWords.lock}, 1, 0);
      Atomics.notify(words, ${ncclWords.lock});`;
    const worker = new Worker(source, { eval: true, workerData: shared });
    const ended = new Promise((resolve) => worker.once("exit", resolve));
    while (Atomics.load(words, ncclWords.lock) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    failSockets(memory, "rank 0 is lost");
    const start = performance.now();
    watch.look(0);
    const waited = performance.now() - start;
    assert.ok(waited > 200 && waited < 4000, `${waited} ms`);
    assert.deepEqual(calls, aborted);
    await ended;
  });
});
