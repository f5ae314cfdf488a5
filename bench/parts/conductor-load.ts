import { readFileSync } from "node:fs";

/** A request of the conversation trace. */
export interface TraceLine {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly blocks: readonly number[];
}

/** @throws Error if the file is not there. */
export function readTraceLines(path: string): TraceLine[] {
  return readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => {
      const { input_length, output_length, hash_ids } = JSON.parse(line);
      return { inputTokens: input_length, outputTokens: output_length, blocks: hash_ids };
    });
}

/** One block that comes to a worker, or goes. */
export interface BlockEvent {
  readonly stored: boolean;
  readonly worker: number;
  readonly block: number;
  /** The block before it in its prompt, −1 at the start. */
  readonly parent: number;
}

/**
 * The trace again and again, as another tenant's each time: only the first block, a system prompt, is shared by all. A conversation stays
 * on its worker, which stores what is new in each request, one event a block; when more than `capacity` blocks are held, the oldest
 * request's go, last block first. So the index holds `capacity` blocks throughout, and ids are used again as a BlockTable would.
 */
export class BlockChurn {
  /** Requests so far. */
  requests = 0;
  private readonly trace: readonly TraceLine[];
  private readonly workers: number;
  private readonly capacity: number;
  private readonly unique: number;
  private readonly ring: number;
  private readonly isHeld: Uint8Array;
  private held = 0;
  private readonly stored: { worker: number; blocks: Int32Array; parents: Int32Array }[] = [];
  private oldest = 0;

  /** @param ring - Ids are used again after so many; well above `capacity`. */
  constructor(trace: readonly TraceLine[], workers: number, capacity: number, ring: number) {
    this.trace = trace;
    this.workers = workers;
    this.capacity = capacity;
    this.ring = ring;
    this.unique = trace.reduce((max, { blocks }) => blocks.reduce((a, b) => Math.max(a, b), max), 0) + 1;
    this.isHeld = new Uint8Array(ring + 1);
  }

  get current(): TraceLine {
    return this.trace[this.requests % this.trace.length];
  }

  /** Blocks of the request that comes next. */
  nextBlocks(): Int32Array {
    const copy = Math.floor(this.requests / this.trace.length);
    return Int32Array.from(this.current.blocks, (id) => (id === 0 ? 0 : 1 + ((copy * this.unique + id) % this.ring)));
  }

  /** The events that the next request brings. */
  next(emit: (event: BlockEvent) => void): void {
    const all = this.nextBlocks();
    this.requests++;
    const worker = (Math.imul(all[1] ?? 0, 0x9e3779b1) >>> 0) % this.workers;
    const blocks: number[] = [];
    const parents: number[] = [];
    for (let i = 0; i < all.length; i++) {
      if (this.isHeld[all[i]]) continue;
      this.isHeld[all[i]] = 1;
      blocks.push(all[i]);
      parents.push(i === 0 ? -1 : all[i - 1]);
      emit({ stored: true, worker, block: all[i], parent: parents.at(-1) as number });
    }
    this.held += blocks.length;
    this.stored.push({ worker, blocks: Int32Array.from(blocks), parents: Int32Array.from(parents) });
    while (this.held > this.capacity) {
      const old = this.stored[this.oldest];
      delete this.stored[this.oldest++];
      for (let i = old.blocks.length - 1; i >= 0; i--) {
        // The system prompt is in use all the time: it stays.
        if (old.blocks[i] === 0) continue;
        this.isHeld[old.blocks[i]] = 0;
        this.held--;
        emit({ stored: false, worker: old.worker, block: old.blocks[i], parent: old.parents[i] });
      }
    }
  }

  /** All that is held, as events, oldest first. */
  restate(emit: (event: BlockEvent) => void): void {
    for (let i = this.oldest; i < this.stored.length; i++) {
      const { worker, blocks, parents } = this.stored[i];
      blocks.forEach((block, k) => {
        emit({ stored: true, worker, block, parent: parents[k] });
      });
    }
  }

  get full(): boolean {
    return this.oldest > 0;
  }
}

/** The p-th percentile of a sorted array, 0 … 100. */
export function percentile(sorted: Float64Array, p: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil((sorted.length * p) / 100) - 1)];
}
