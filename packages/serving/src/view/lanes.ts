import type { WorkerId } from "../conductor/types.ts";

/** Numbers per sequence: what a prediction reads, and what it seldom does. */
export const rowSize = 4;
const tagSize = 2;

/**
 * A list of sequences per worker, all in one buffer, each worker's in a chunk that doubles when it is full. A prediction for hundreds of
 * workers reads a line or two of cache for each; an object per worker, with arrays of its own, takes ten.
 */
export class Lanes {
  /** Rows of start (ms), input tokens, and, where sums are kept, input and starts of all rows before. */
  rows = new Float64Array(0);
  /** Row of a worker's first sequence, and how many it has, by worker. */
  base = new Int32Array(0);
  count = new Int32Array(0);
  /** Request, and output class. */
  private tags = new Float64Array(0);
  private room = new Int32Array(0);
  private readonly freeChunks = new Map<number, number[]>();
  private used = 0;
  private readonly hasSums: boolean;

  constructor(hasSums: boolean) {
    this.hasSums = hasSums;
  }

  /** Makes room for a worker. */
  reach(worker: WorkerId): void {
    if (worker < this.base.length) return;
    const length = Math.max(worker + 1, this.base.length * 2, 16);
    this.base = copied(this.base, new Int32Array(length));
    this.count = copied(this.count, new Int32Array(length));
    this.room = copied(this.room, new Int32Array(length));
  }

  append(worker: WorkerId, id: number, startMs: number, inputTokens: number, outputClass: number): void {
    const at = this.count[worker];
    if (at === this.room[worker]) this.widen(worker);
    this.count[worker]++;
    const row = (this.base[worker] + at) * rowSize;
    this.rows[row] = startMs;
    this.rows[row + 1] = inputTokens;
    const tag = (this.base[worker] + at) * tagSize;
    this.tags[tag] = id;
    this.tags[tag + 1] = outputClass;
    this.sumFrom(worker, at);
  }

  /** Takes one out; those behind it move up. */
  remove(worker: WorkerId, at: number): void {
    const from = this.base[worker] + at + 1;
    const end = this.base[worker] + this.count[worker];
    this.rows.copyWithin((from - 1) * rowSize, from * rowSize, end * rowSize);
    this.tags.copyWithin((from - 1) * tagSize, from * tagSize, end * tagSize);
    this.count[worker]--;
    this.sumFrom(worker, at);
  }

  idAt(worker: WorkerId, at: number): number {
    return this.tags[(this.base[worker] + at) * tagSize];
  }

  classAt(worker: WorkerId, at: number): number {
    return this.tags[(this.base[worker] + at) * tagSize + 1];
  }

  startAt(worker: WorkerId, at: number): number {
    return this.rows[(this.base[worker] + at) * rowSize];
  }

  inputAt(worker: WorkerId, at: number): number {
    return this.rows[(this.base[worker] + at) * rowSize + 1];
  }

  /** Place of a request, from `from` on, or −1. */
  find(worker: WorkerId, id: number, from = 0): number {
    for (let at = from; at < this.count[worker]; at++) if (this.idAt(worker, at) === id) return at;
    return -1;
  }

  /** Place of the first that started at `ms` or later, where they are in order of it. */
  firstSince(worker: WorkerId, ms: number): number {
    let low = 0;
    let high = this.count[worker];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.startAt(worker, middle) < ms) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** @throws Error naming the first broken invariant. */
  checkIntegrity(worker: WorkerId): void {
    let input = 0;
    let starts = 0;
    for (let at = 0; at < this.count[worker]; at++) {
      const row = (this.base[worker] + at) * rowSize;
      if (this.hasSums) {
        if (at > 0 && this.rows[row] < this.rows[row - rowSize])
          throw new Error(`lanes: worker ${worker} is out of order`);
        if (this.rows[row + 2] !== input || this.rows[row + 3] !== starts) {
          throw new Error(`lanes: worker ${worker} has wrong sums at ${at}`);
        }
      }
      starts += this.rows[row];
      input += this.rows[row + 1];
    }
    for (let other = 0; other < this.base.length; other++) {
      const apart =
        this.base[other] + this.room[other] <= this.base[worker] ||
        this.base[worker] + this.room[worker] <= this.base[other];
      if (other !== worker && !apart) throw new Error(`lanes: workers ${worker} and ${other} share rows`);
    }
  }

  private sumFrom(worker: WorkerId, from: number): void {
    if (!this.hasSums) return;
    const { rows } = this;
    const first = this.base[worker] * rowSize;
    for (let row = first + from * rowSize, end = first + this.count[worker] * rowSize; row < end; row += rowSize) {
      rows[row + 2] = row === first ? 0 : rows[row - rowSize + 2] + rows[row - rowSize + 1];
      rows[row + 3] = row === first ? 0 : rows[row - rowSize + 3] + rows[row - rowSize];
    }
  }

  private widen(worker: WorkerId): void {
    const before = this.room[worker];
    const room = Math.max(8, before * 2);
    let base = this.freeChunks.get(room)?.pop();
    if (base === undefined) {
      base = this.used;
      this.used += room;
      if (this.used * rowSize > this.rows.length) {
        const length = Math.max(this.used, (this.rows.length / rowSize) * 2);
        this.rows = copied(this.rows, new Float64Array(length * rowSize));
        this.tags = copied(this.tags, new Float64Array(length * tagSize));
      }
    }
    const from = this.base[worker];
    this.rows.copyWithin(base * rowSize, from * rowSize, (from + before) * rowSize);
    this.tags.copyWithin(base * tagSize, from * tagSize, (from + before) * tagSize);
    if (before > 0) {
      const free = this.freeChunks.get(before) ?? [];
      this.freeChunks.set(before, free);
      free.push(from);
    }
    this.base[worker] = base;
    this.room[worker] = room;
  }
}

function copied<T extends Float64Array | Int32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
