import { join } from "node:path";

/** Words that a rank's thread and the thread of its sockets share, in front of the bytes that go out and come in. */
export const socketWords = {
  /** Rounds that the rank has asked for, and that are done. */
  request: 0,
  done: 16,
  /** 1: the reason is being written, 2: it is there. */
  failed: 32,
  reasonLength: 33,
  operation: 34,
  count: 35,
  /** A {@link socketCommands} beside the rounds. */
  command: 36,
  /** Bytes that go to each rank in this round. */
  bytes: 64,
} as const;

export const socketCommands = { none: 0, close: 1, abort: 2 } as const;

export const mostSocketRanks = 64;
const reasonOffset = 4 * (socketWords.bytes + mostSocketRanks);
const headBytes = 4096;

/** Bytes for a group of `size` ranks with slots of `capacity` bytes to and from each. */
export function socketMemoryBytes(size: number, capacity: number): number {
  return headBytes + 2 * size * capacity;
}

/** Where the slot from (1) or to (0) a rank begins. */
export function socketSlot(size: number, capacity: number, incoming: 0 | 1, peer: number): number {
  return headBytes + (incoming * size + peer) * capacity;
}

/** Notes why nothing works any more; the first reason stays. Wakes the rank. */
export function failSockets(memory: SharedArrayBuffer, reason: string): void {
  const words = new Int32Array(memory, 0, headBytes / 4);
  if (Atomics.compareExchange(words, socketWords.failed, 0, 1) !== 0) return;
  const text = new TextEncoder().encode(reason).subarray(0, headBytes - reasonOffset);
  new Uint8Array(memory, reasonOffset, text.length).set(text);
  words[socketWords.reasonLength] = text.length;
  Atomics.store(words, socketWords.failed, 2);
  Atomics.notify(words, socketWords.done);
  Atomics.notify(words, socketWords.request);
  Atomics.notify(words, socketWords.command);
}

/** Why nothing works any more, or null. */
export function socketFailure(memory: SharedArrayBuffer): string | null {
  const words = new Int32Array(memory, 0, headBytes / 4);
  if (Atomics.load(words, socketWords.failed) !== 2) return null;
  const text = new Uint8Array(memory, reasonOffset, words[socketWords.reasonLength]).slice();
  return new TextDecoder().decode(text);
}

/** The Unix socket of a rank. */
export function socketPath(directory: string, rank: number): string {
  return join(directory, `rank-${rank}.sock`);
}
