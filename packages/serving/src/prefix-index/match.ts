import type { WorkerId } from "../conductor/types.ts";

/** What a walk finds, on every worker. Made once and written over by each walk. */
export class PrefixMatch {
  /** Leading blocks that a worker holds, by worker. */
  prefix: Int32Array;
  /** How many of those it holds on SSD only. */
  slow: Int32Array;
  /** The longest prefix. */
  best = 0;
  /** Workers of the index: beyond them nobody holds any. */
  workers = 0;
  /** Scratch: workers whose prefix goes on, as bits, or when few as a list. */
  readonly aliveList: Int32Array = new Int32Array(8);
  aliveBits: Uint32Array;

  constructor() {
    this.prefix = new Int32Array(64);
    this.slow = new Int32Array(64);
    this.aliveBits = new Uint32Array(2);
  }

  /** Forgets, and makes room for `workers`. */
  reset(workers: number): void {
    if (workers > this.prefix.length) {
      const room = Math.max(workers, this.prefix.length * 2);
      this.prefix = new Int32Array(room);
      this.slow = new Int32Array(room);
      this.aliveBits = new Uint32Array((room + 31) >> 5);
    } else {
      this.prefix.fill(0, 0, this.workers);
      this.slow.fill(0, 0, this.workers);
    }
    this.workers = workers;
    this.best = 0;
  }

  /** Workers of the longest prefix; none if nobody holds any. */
  holdersOfBest(): WorkerId[] {
    const holders: WorkerId[] = [];
    if (this.best === 0) return holders;
    for (let w = 0; w < this.workers; w++) if (this.prefix[w] === this.best) holders.push(w);
    return holders;
  }
}
