import { RankError, rankTimeoutSeconds } from "./communicator.ts";
import { describeExchange, type Exchange, operations, type Transport } from "./transport.ts";

/** What the threads of a group share. */
export interface ThreadGroup {
  readonly size: number;
  readonly capacity: number;
  readonly memory: SharedArrayBuffer;
}

/*
 * The memory: a head, one block of words for each rank, and for either parity of the round a slot from each rank to each.
 * Rounds alternate between two sets of slots: who writes round n + 2 has seen everyone arrive at n + 1, and so done with n.
 */
const headBytes = 4096;
const failedWord = 0;
const reasonLengthWord = 1;
const reasonOffset = 64;
const rankBytes = 64;
/** Words of a rank's block: rounds it has arrived at, whether it left, then operation and count for either parity. */
const arrivedWord = 0;
const leftWord = 1;
const callWord = 2;
/** A waiting thread looks around this often, though it is woken by whatever matters. */
const lookMilliseconds = 500;

/** Memory for a group of threads. `capacity` bytes go from one rank to another at once (default 256 KiB). */
export function createThreadGroup(size: number, capacity = 256 << 10): ThreadGroup {
  if (!Number.isInteger(size) || size < 1 || size > 64)
    throw new RangeError(`threads: ${size} ranks, expected a whole number from 1 to 64`);
  if (!Number.isInteger(capacity) || capacity < 64 || capacity % 64 !== 0)
    throw new RangeError(`threads: a capacity of ${capacity} bytes, expected a multiple of 64`);
  return { size, capacity, memory: new SharedArrayBuffer(headBytes + size * rankBytes + 2 * size * size * capacity) };
}

/** Ends every rank of a group with a reason. The first reason stays. */
export function failThreadGroup({ size, memory }: ThreadGroup, reason: string): void {
  const words = new Int32Array(memory, 0, (headBytes + size * rankBytes) / 4);
  if (Atomics.compareExchange(words, failedWord, 0, 1) !== 0) return;
  const text = new TextEncoder().encode(reason).subarray(0, headBytes - reasonOffset);
  new Uint8Array(memory, reasonOffset, text.length).set(text);
  words[reasonLengthWord] = text.length;
  Atomics.store(words, failedWord, 2);
  for (let rank = 0; rank < size; rank++) Atomics.notify(words, (headBytes + rank * rankBytes) / 4 + arrivedWord);
}

/** Whether a rank has left in good order. */
export function hasLeft({ size, memory }: ThreadGroup, rank: number): boolean {
  const words = new Int32Array(memory, 0, (headBytes + size * rankBytes) / 4);
  return Atomics.load(words, (headBytes + rank * rankBytes) / 4 + leftWord) !== 0;
}

/** One rank's side of a group of threads. `limitSeconds`: how long to wait for the slowest rank. */
export function threadTransport(group: ThreadGroup, rank: number, limitSeconds = rankTimeoutSeconds()): Transport {
  const { size, capacity, memory } = group;
  if (!Number.isInteger(rank) || rank < 0 || rank >= size) throw new RangeError(`threads: rank ${rank} of ${size}`);
  const words = new Int32Array(memory, 0, (headBytes + size * rankBytes) / 4);
  const wordOf = (of: number, word: number) => (headBytes + of * rankBytes) / 4 + word;
  const slots = headBytes + size * rankBytes;
  const slot = (round: number, from: number, to: number) => ({
    buffer: memory,
    byteOffset: slots + (((round & 1) * size + from) * size + to) * capacity,
  });
  let round = 0;

  function arrive({ operation, count }: Exchange): void {
    const call = wordOf(rank, callWord) + 2 * (++round & 1);
    words[call] = operations.indexOf(operation);
    words[call + 1] = count;
    Atomics.store(words, wordOf(rank, arrivedWord), round);
    Atomics.notify(words, wordOf(rank, arrivedWord));
  }

  /** Rounds that a peer has arrived at, or null if it is here. @throws where it never will be. */
  function behind(peer: number, call: Exchange, deadline: number): number | null {
    const what = describeExchange(call);
    const failed = Atomics.load(words, failedWord);
    if (failed === 1) return Atomics.load(words, wordOf(peer, arrivedWord));
    if (failed === 2) {
      const reason = new Uint8Array(memory, reasonOffset, words[reasonLengthWord]).slice();
      throw new RankError(rank, what, new TextDecoder().decode(reason));
    }
    const arrived = Atomics.load(words, wordOf(peer, arrivedWord));
    if (((arrived - round) | 0) >= 0) {
      checkSameCall(peer, call);
      return null;
    }
    if (Atomics.load(words, wordOf(peer, leftWord)) !== 0) return fail(what, `rank ${peer} has left`);
    if (performance.now() > deadline) return fail(what, `rank ${peer} did not arrive in time`);
    return arrived;
  }

  function checkSameCall(peer: number, call: Exchange): void {
    const at = wordOf(peer, callWord) + 2 * (round & 1);
    const theirs = { operation: operations[words[at]], count: words[at + 1] };
    if (theirs.operation === call.operation && theirs.count === (call.count | 0)) return;
    fail(describeExchange(call), `rank ${peer} is in ${describeExchange(theirs)}: the ranks do different work`);
  }

  function fail(what: string, reason: string): never {
    failThreadGroup(group, `rank ${rank} gave up in ${what}: ${reason}`);
    throw new RankError(rank, what, reason);
  }

  return {
    rank,
    size,
    capacity,
    outgoing: (peer) => slot(round + 1, rank, peer),
    incoming: (peer) => slot(round, peer, rank),
    exchange(call) {
      arrive(call);
      const deadline = performance.now() + limitSeconds * 1000;
      for (let peer = 0; peer < size; peer++) {
        for (let at = behind(peer, call, deadline); at !== null; at = behind(peer, call, deadline))
          Atomics.wait(words, wordOf(peer, arrivedWord), at, waitFor(deadline));
      }
    },
    async meet(call, limit = limitSeconds) {
      arrive(call);
      const deadline = performance.now() + limit * 1000;
      // What waits on shared memory alone does not keep a process alive.
      const alive = setInterval(() => {}, 1000);
      try {
        for (let peer = 0; peer < size; peer++) {
          for (let at = behind(peer, call, deadline); at !== null; at = behind(peer, call, deadline)) {
            const wait = Atomics.waitAsync(words, wordOf(peer, arrivedWord), at, waitFor(deadline));
            if (wait.async) await wait.value;
          }
        }
      } finally {
        clearInterval(alive);
      }
    },
    abort: (reason) => failThreadGroup(group, `rank ${rank} gave up: ${reason}`),
    async close() {
      Atomics.store(words, wordOf(rank, leftWord), 1);
      Atomics.notify(words, wordOf(rank, arrivedWord));
    },
  };
}

function waitFor(deadline: number): number {
  return Math.max(1, Math.min(lookMilliseconds, deadline - performance.now()));
}
