import type { Histogram } from "./histogram.ts";
import type { Job } from "./job.ts";
import { longestTenthMean } from "./tail-mean.ts";

/** Numbers per entry of the log: time of its first step, what each step takes longer than the one before, and how many. */
const entrySize = 3;

/**
 * Sequences that decode together: every step gives each of them a token. Steps are not kept one by one: between two changes
 * of membership the step time grows evenly with the context, so that a run of steps is three numbers, from which each
 * sequence's intervals are made exactly when it ends.
 */
export class DecodeBatch {
  /** Binary heap by the step in which a sequence ends, then by order of joining. */
  readonly #heap: Job[] = [];
  readonly #intervals: Histogram;
  /** Shared by all batches of a simulation: only used within {@link tailMean}. */
  readonly #scratch: { values: Float64Array };
  #log = new Float64Array(64 * entrySize);
  #logBase = 0;
  #logLength = 0;
  #step = 0;
  #joins = 0;
  /** Those whose first step here is still to come: it is longer, or shorter, by their gap. */
  readonly #fresh: Job[] = [];
  /** Tokens whose KV the sequences hold now. */
  context = 0;

  constructor(intervals: Histogram, scratch: { values: Float64Array }) {
    this.#intervals = intervals;
    this.#scratch = scratch;
  }

  get size(): number {
    return this.#heap.length;
  }

  get members(): readonly Job[] {
    return this.#heap;
  }

  /** Steps until the next sequence ends. */
  get stepsToFinish(): number {
    return this.#heap[0].finishStep - this.#step;
  }

  /** @param gapMs - What has passed since its last token and before the step that comes. Negative: it has seen only a part of that step. */
  add(job: Job, gapMs: number): void {
    if (this.#heap.length === 0) this.#logBase += this.#resetLog();
    job.finishStep = this.#step + job.request.outputTokens - job.generated;
    job.logStart = this.#logBase + this.#logLength;
    job.gapMs = gapMs;
    job.joined = this.#joins++;
    this.#fresh.push(job);
    this.context += job.request.inputTokens + job.generated;
    const heap = this.#heap;
    let at = heap.length;
    heap.push(job);
    for (let parent = (at - 1) >> 1; at > 0 && before(job, heap[parent]); parent = (at - 1) >> 1) {
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = job;
  }

  /** All take `count` steps, of `firstMs`, `firstMs + slopeMs`, …; `waitMs` more passed before the first. */
  record(firstMs: number, slopeMs: number, count: number, waitMs = 0): void {
    if (waitMs > 0) {
      this.#append(firstMs + waitMs, 0, 1);
      if (count > 1) this.#append(firstMs + slopeMs, slopeMs, count - 1);
    } else this.#append(firstMs, slopeMs, count);
    this.#step += count;
    this.context += count * this.#heap.length;
  }

  /** Takes out a sequence whose last token is out. */
  takeFinished(): Job | undefined {
    const job = this.#heap[0];
    if (!job || job.finishStep > this.#step) return undefined;
    this.#removeAt(0);
    job.generated = job.request.outputTokens;
    this.context -= job.request.inputTokens + job.generated;
    return job;
  }

  /** Takes out the sequence that joined last, with what it has so far. */
  takeYoungest(): Job {
    let youngest = 0;
    for (let i = 1; i < this.#heap.length; i++) if (this.#heap[i].joined > this.#heap[youngest].joined) youngest = i;
    const job = this.#heap[youngest];
    job.generated = job.request.outputTokens - (job.finishStep - this.#step);
    const count = this.#gather(job);
    job.earlierIntervals = Array.from(this.#scratch.values.subarray(0, count));
    this.context -= job.request.inputTokens + job.generated;
    this.#removeAt(youngest);
    return job;
  }

  /** Mean of the longest tenth of the intervals of a sequence that was just taken out; null for one of a single token. */
  tailMean(job: Job): number | null {
    const count = this.#gather(job);
    return count === 0 ? null : longestTenthMean(this.#scratch.values, count);
  }

  /** @throws Error naming the first broken invariant. */
  checkIntegrity(): void {
    let context = 0;
    for (const [i, job] of this.#heap.entries()) {
      context += job.request.inputTokens + job.request.outputTokens - (job.finishStep - this.#step);
      if (i > 0 && before(job, this.#heap[(i - 1) >> 1])) throw new Error(`sequence ${job.request.id} is out of order`);
      if (job.finishStep < this.#step) throw new Error(`sequence ${job.request.id} should have ended`);
    }
    if (context !== this.context)
      throw new Error(`the batch counts ${this.context} tokens of context, its sequences ${context}`);
  }

  /** Writes a sequence's intervals into the scratch. @returns how many. */
  #gather(job: Job): number {
    const earlier = job.earlierIntervals;
    const total = job.request.outputTokens;
    if (this.#scratch.values.length < total) this.#scratch.values = new Float64Array(2 * total);
    const values = this.#scratch.values;
    let count = 0;
    if (earlier) for (const value of earlier) values[count++] = value;
    const first = count;
    const log = this.#log;
    for (let at = (job.logStart - this.#logBase) * entrySize; at < this.#logLength * entrySize; at += entrySize) {
      const firstMs = log[at];
      const slope = log[at + 1];
      const steps = log[at + 2];
      for (let i = 0; i < steps; i++) values[count++] = firstMs + slope * i;
    }
    if (count > first) values[first] += job.gapMs;
    return count;
  }

  #append(firstMs: number, slopeMs: number, count: number): void {
    if ((this.#logLength + 1) * entrySize > this.#log.length) this.#makeRoom();
    const at = this.#logLength++ * entrySize;
    this.#log[at] = firstMs;
    this.#log[at + 1] = slopeMs;
    this.#log[at + 2] = count;
    for (const job of this.#fresh) this.#intervals.add(firstMs + job.gapMs, 1);
    const others = this.#heap.length - this.#fresh.length;
    if (this.#fresh.length > 0) {
      if (others > 0) this.#intervals.add(firstMs, others);
      if (count > 1) this.#intervals.addProgression(firstMs + slopeMs, slopeMs, count - 1, this.#heap.length);
      this.#fresh.length = 0;
    } else this.#intervals.addProgression(firstMs, slopeMs, count, others);
  }

  /** Drops what no sequence needs any more, or doubles the log. */
  #makeRoom(): void {
    let oldest = this.#logBase + this.#logLength;
    for (const job of this.#heap) oldest = Math.min(oldest, job.logStart);
    const dropped = oldest - this.#logBase;
    if (dropped * 2 >= this.#logLength) {
      this.#log.copyWithin(0, dropped * entrySize, this.#logLength * entrySize);
    } else {
      const larger = new Float64Array(2 * this.#log.length);
      larger.set(this.#log.subarray(dropped * entrySize, this.#logLength * entrySize));
      this.#log = larger;
    }
    this.#logBase += dropped;
    this.#logLength -= dropped;
  }

  #resetLog(): number {
    const length = this.#logLength;
    this.#logLength = 0;
    return length;
  }

  #removeAt(index: number): void {
    const heap = this.#heap;
    const moved = heap.pop() as Job;
    if (index === heap.length) return;
    let at = index;
    for (let parent = (at - 1) >> 1; at > 0 && before(moved, heap[parent]); parent = (at - 1) >> 1) {
      heap[at] = heap[parent];
      at = parent;
    }
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++;
      if (!before(heap[child], moved)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = moved;
  }
}

function before(a: Job, b: Job): boolean {
  return a.finishStep < b.finishStep || (a.finishStep === b.finishStep && a.joined < b.joined);
}
