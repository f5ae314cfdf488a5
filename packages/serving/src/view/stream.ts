import type { ViewEvent } from "./events.ts";

/** Events held back at most, per stream, and for how long, before what is missing is given up. */
export const maxHeldEvents = 256;
export const maxHeldMs = 1000;

/** Puts one life of one sender in order. */
export interface Stream {
  epoch: number;
  /** Sequence number that comes next. */
  next: number;
  /** Of the last event applied. */
  atMs: number;
  /** Events beyond a gap, by sequence. */
  readonly held: Map<number, ViewEvent>;
}

export function openStream(epoch: number): Stream {
  return { epoch, next: 0, atMs: Number.NEGATIVE_INFINITY, held: new Map() };
}

/** Least sequence number that is held back. */
export function firstHeld({ held }: Stream): number {
  let first = Number.POSITIVE_INFINITY;
  for (const sequence of held.keys()) first = Math.min(first, sequence);
  return first;
}

/** Whether a gap has lasted too long. */
export function givesUp(stream: Stream, nowMs: number): boolean {
  if (stream.held.size > maxHeldEvents) return true;
  for (const event of stream.held.values()) if (nowMs - event.atMs > maxHeldMs) return true;
  return false;
}
