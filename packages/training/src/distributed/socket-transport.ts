import { mkdirSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { RankError, rankTimeoutSeconds } from "./communicator.ts";
import type { MeetingPlace } from "./meeting.ts";
import type { Rendezvous } from "./rendezvous.ts";
import {
  failSockets,
  mostSocketRanks,
  socketCommands,
  socketFailure,
  socketMemoryBytes,
  socketPath,
  socketSlot,
  socketWords,
} from "./socket-memory.ts";
import type { SocketThreadStart } from "./socket-thread.ts";
import { describeExchange, type Exchange, operations, type Transport } from "./transport.ts";

/** Options of {@link openSocketTransport}. */
export interface SocketTransportOptions {
  readonly rank: number;
  readonly size: number;
  /** Directory of the group's Unix sockets: the same for every rank, and for no other group. Made where there is none. */
  readonly directory?: string;
  /** Where ranks of several machines meet, in place of a directory. */
  readonly rendezvous?: Rendezvous;
  /** Bytes that go from one rank to another at once. Default 1 MiB. */
  readonly capacity?: number;
  /** Seconds to wait for the slowest rank, also at the start. */
  readonly limitSeconds?: number;
}

/** The path of a socket is at most this long (sun_path, less the final zero; 104 on macOS). */
const longestPath = 103;

/** A transport whose state others threads of this process may look at: see socket-memory.ts. */
export interface SocketTransport extends Transport {
  readonly memory: SharedArrayBuffer;
  /** Why nothing works any more, or null. */
  failure(): string | null;
}

/**
 * Joins a group of processes: a Unix socket, or a TCP connection, between each two ranks, served by a thread of its own, since a rank
 * cannot wait for its event loop in the middle of a step.
 *
 * @throws RankError where a rank does not come in time, or has another idea of the group.
 */
export async function openSocketTransport(options: SocketTransportOptions): Promise<SocketTransport> {
  const { rank, size, capacity = 1 << 20, limitSeconds = rankTimeoutSeconds() } = options;
  if (!Number.isInteger(size) || size < 1 || size > mostSocketRanks)
    throw new RangeError(`sockets: ${size} ranks, expected a whole number from 1 to ${mostSocketRanks}`);
  if (!Number.isInteger(rank) || rank < 0 || rank >= size) throw new RangeError(`sockets: rank ${rank} of ${size}`);
  if (!Number.isInteger(capacity) || capacity < 64 || capacity % 64 !== 0)
    throw new RangeError(`sockets: a capacity of ${capacity} bytes, expected a multiple of 64`);
  const place = meetingPlace(options);
  const memory = new SharedArrayBuffer(socketMemoryBytes(size, capacity));
  const words = new Int32Array(memory, 0, socketWords.bytes + mostSocketRanks);
  const start: SocketThreadStart = { rank, size, place, capacity, memory, limitSeconds };
  const worker = new Worker(new URL("./socket-thread.ts", import.meta.url), {
    workerData: start,
    name: `baltoro-sockets-${rank}`,
  });
  const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  worker.once("error", (error) => failSockets(memory, `the thread of the sockets failed: ${error.message}`));
  await new Promise<void>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("exit", () =>
      reject(new RankError(rank, "joining", socketFailure(memory) ?? "the thread of the sockets ended")),
    );
  });
  worker.unref();

  function fail(what: string, reason: string): never {
    abort(`rank ${rank} gave up in ${what}: ${reason}`);
    throw new RankError(rank, what, reason);
  }

  function abort(reason: string): void {
    failSockets(memory, reason);
    tell(socketCommands.abort);
  }

  function tell(command: number): void {
    Atomics.store(words, socketWords.command, command);
    Atomics.add(words, socketWords.request, 1);
    Atomics.notify(words, socketWords.request);
    Atomics.notify(words, socketWords.command);
  }

  /** Asks for a round and returns its number. */
  function ask({ operation, count }: Exchange): number {
    words[socketWords.operation] = operations.indexOf(operation);
    words[socketWords.count] = count;
    const round = Atomics.add(words, socketWords.request, 1) + 1;
    Atomics.notify(words, socketWords.request);
    return round;
  }

  /** What `done` holds while the round is not done, else null. @throws RankError */
  function pending(round: number, call: Exchange, deadline: number): number | null {
    const failure = socketFailure(memory);
    const what = describeExchange(call);
    if (failure !== null) throw new RankError(rank, what, failure);
    const done = Atomics.load(words, socketWords.done);
    if (done === round) return null;
    if (performance.now() > deadline) {
      const missing = Array.from({ length: size }, (_, peer) => peer).filter(
        (peer) => peer !== rank && Atomics.load(words, socketWords.bytes + peer) !== -1,
      );
      return fail(what, `rank ${missing.join(", ")} did not arrive in time`);
    }
    return done;
  }

  return {
    rank,
    size,
    capacity,
    memory,
    failure: () => (Atomics.load(words, socketWords.failed) === 0 ? null : socketFailure(memory)),
    outgoing: (peer) => ({ buffer: memory, byteOffset: socketSlot(size, capacity, 0, peer) }),
    incoming: (peer) => ({ buffer: memory, byteOffset: socketSlot(size, capacity, 1, peer) }),
    exchange(call, bytes) {
      for (let peer = 0; peer < size; peer++) words[socketWords.bytes + peer] = bytes[peer];
      const round = ask(call);
      const deadline = performance.now() + limitSeconds * 1000;
      for (let done = pending(round, call, deadline); done !== null; done = pending(round, call, deadline))
        Atomics.wait(words, socketWords.done, done, 500);
    },
    async meet(call, limit = limitSeconds) {
      words.fill(0, socketWords.bytes, socketWords.bytes + size);
      const round = ask(call);
      const deadline = performance.now() + limit * 1000;
      const alive = setInterval(() => {}, 1000);
      try {
        for (let done = pending(round, call, deadline); done !== null; done = pending(round, call, deadline)) {
          const wait = Atomics.waitAsync(words, socketWords.done, done, 500);
          if (wait.async) await wait.value;
        }
      } finally {
        clearInterval(alive);
      }
    },
    abort: (reason) => abort(`rank ${rank} gave up: ${reason}`),
    async close() {
      worker.ref();
      tell(socketCommands.close);
      await ended;
    },
  };
}

function meetingPlace({ size, directory, rendezvous }: SocketTransportOptions): MeetingPlace {
  if (rendezvous) return { kind: "tcp", rendezvous };
  if (directory === undefined) throw new Error("sockets: neither a directory nor a rendezvous is given");
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const longest = socketPath(directory, size - 1);
  if (Buffer.byteLength(longest) > longestPath)
    throw new Error(`sockets: the path ${longest} is longer than ${longestPath} bytes; set TMPDIR to a shorter one`);
  return { kind: "directory", directory };
}
