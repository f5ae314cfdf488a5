import type { CostModel } from "../costs/types.ts";
import type { DecodeBatch } from "./decode-batch.ts";
import { Fifo } from "./fifo.ts";
import type { Job } from "./job.ts";

/** Share of KV memory that stays free when a sequence is let in, so that it is not put out again at once (vLLM's watermark). */
export const watermark = 0.01;

/** What an instance asks of the simulation around it. */
export interface DecodeHost {
  /** Wants {@link DecodeInstance.wake} at a time, with this version. */
  schedule(atMs: number, version: number): void;
  /** The last token is out; `tbtMs` is null of an output of one token. */
  finished(job: Job, nowMs: number, tbtMs: number | null): void;
  preempted(job: Job, nowMs: number): void;
}

/** A run of equal steps: what a batch does from one change of membership to the next. */
export class Run {
  startMs = 0;
  firstMs = 0;
  slopeMs = 0;
  steps = 0;

  begin(nowMs: number, cost: CostModel, batch: DecodeBatch, steps: number): void {
    this.startMs = nowMs;
    this.firstMs = cost.stepMs(0, 0, batch.size, batch.context);
    this.slopeMs = cost.contextMsPerToken * batch.size;
    this.steps = steps;
  }

  /** When `steps` of it are done. */
  endOf(steps: number): number {
    return this.startMs + steps * this.firstMs + (this.slopeMs * steps * (steps - 1)) / 2;
  }

  /** Fewest steps, ≥ 1, that are not done before `nowMs`. */
  stepsUntil(nowMs: number): number {
    const elapsed = nowMs - this.startMs;
    const b = this.firstMs - this.slopeMs / 2;
    // The root of slope/2·k² + b·k = elapsed, in a form that holds for a slope of nearly 0.
    let steps = Math.max(1, Math.ceil((2 * elapsed) / (b + Math.sqrt(b * b + 2 * this.slopeMs * elapsed))));
    while (steps > 1 && this.endOf(steps - 1) >= nowMs) steps--;
    while (this.endOf(steps) < nowMs) steps++;
    return steps;
  }
}

/** Continuous batching: sequences join and leave between steps, as memory allows, first come first served. */
export class DecodeInstance {
  readonly batch: DecodeBatch;
  readonly waiting = new Fifo<Job>();
  readonly #cost: CostModel;
  readonly #maxBatch: number;
  readonly #host: DecodeHost;
  readonly #run = new Run();
  #running = false;
  #version = 0;
  busyMs = 0;
  /** Integral of the batch's size over time. */
  sequenceMs = 0;

  constructor(batch: DecodeBatch, cost: CostModel, maxBatch: number, host: DecodeHost) {
    this.batch = batch;
    this.#cost = cost;
    this.#maxBatch = maxBatch;
    this.#host = host;
  }

  /** Tokens of context of the batch, with the steps of the run that are done. */
  contextAt(nowMs: number): number {
    const { batch } = this;
    if (!this.#running) return batch.context;
    const steps = this.#run.stepsUntil(nowMs);
    return batch.context + batch.size * (this.#run.endOf(steps) > nowMs ? steps - 1 : steps);
  }

  /** The KV of a job is here. */
  arrive(job: Job, nowMs: number): void {
    this.waiting.push(job);
    if (!this.#running) {
      this.#proceed(nowMs);
    } else if (this.waiting.length === 1) {
      const steps = this.#run.stepsUntil(nowMs);
      if (steps < this.#run.steps && this.#fits(job, steps)) {
        this.#run.steps = steps;
        this.#host.schedule(this.#run.endOf(steps), ++this.#version);
      }
    }
  }

  /** The run has come to its end, unless a later version has overtaken it. */
  wake(nowMs: number, version: number): void {
    if (version !== this.#version) return;
    const { firstMs, slopeMs, steps, startMs } = this.#run;
    this.busyMs += nowMs - startMs;
    this.sequenceMs += (nowMs - startMs) * this.batch.size;
    this.batch.record(firstMs, slopeMs, steps);
    this.#running = false;
    for (let job = this.batch.takeFinished(); job; job = this.batch.takeFinished()) {
      this.#host.finished(job, nowMs, this.batch.tailMean(job));
    }
    while (this.batch.context + this.batch.size > this.#cost.kvCapacityTokens) {
      const job = this.batch.takeYoungest();
      job.lastTokenMs = nowMs;
      this.waiting.unshift(job);
      this.#host.preempted(job, nowMs);
    }
    this.#proceed(nowMs);
  }

  #proceed(nowMs: number): void {
    const { batch, waiting } = this;
    for (let job = waiting.peek(); job && this.#fits(job, 0); job = waiting.peek()) {
      waiting.shift();
      if (Number.isNaN(job.decodeStartMs)) {
        job.decodeStartMs = nowMs;
      }
      batch.add(job, nowMs - job.lastTokenMs);
    }
    if (batch.size === 0) return;
    const untilFull = Math.floor((this.#cost.kvCapacityTokens - batch.context) / batch.size);
    this.#run.begin(nowMs, this.#cost, batch, Math.min(batch.stepsToFinish, untilFull));
    this.#running = true;
    this.#host.schedule(this.#run.endOf(this.#run.steps), ++this.#version);
  }

  /** Whether a job may join after so many steps more. */
  #fits(job: Job, steps: number): boolean {
    const { batch } = this;
    if (batch.size >= this.#maxBatch) return false;
    const capacity = this.#cost.kvCapacityTokens;
    const own = job.request.inputTokens + job.generated;
    if (batch.size === 0) return true;
    return batch.context + batch.size * (steps + 1) + own + 1 <= capacity * (1 - watermark);
  }
}
