import type { CostModel } from "../costs/types.ts";
import type { KvPool } from "../pool/types.ts";
import type { DecodeBatch } from "./decode-batch.ts";
import { Run, watermark } from "./decode-instance.ts";
import { Fifo } from "./fifo.ts";
import type { Job } from "./job.ts";

export interface CoupledHost {
  schedule(atMs: number, version: number): void;
  prefilled(job: Job, nowMs: number): void;
  finished(job: Job, nowMs: number, tbtMs: number | null): void;
  preempted(job: Job, nowMs: number): void;
}

export interface CoupledOptions {
  readonly chunkedPrefill: boolean;
  readonly chunkTokens: number;
  readonly maxBatch: number;
  readonly blockTokens: number;
  /** Prompt blocks in the device's memory; null without prefix caching. */
  readonly pool: KvPool | null;
}

/**
 * An instance that prefills and decodes, as vLLM 0.5: waiting prompts come first. Without chunked prefill a whole prompt is one
 * step, during which decode stands still; with it each step decodes a token of every sequence and a piece of one prompt.
 * Put-out sequences are computed again. Prompts are not batched with each other.
 */
export class CoupledInstance {
  readonly batch: DecodeBatch;
  readonly waiting = new Fifo<Job>();
  readonly #cost: CostModel;
  readonly #options: CoupledOptions;
  readonly #host: CoupledHost;
  readonly #run = new Run();
  #running: "no" | "decode" | "prefill" | "mixed" = "no";
  #version = 0;
  /** The prompt that is being computed, and how many of its tokens are there. */
  #current: Job | null = null;
  #currentDone = 0;
  #chunk = 0;
  #stepStartMs = 0;
  /** For how long prefill has kept the batch from its next step. */
  #stallMs = 0;
  #queuedMs = 0;
  busyMs = 0;
  decodeMs = 0;
  sequenceMs = 0;
  prefills = 0;

  constructor(batch: DecodeBatch, cost: CostModel, options: CoupledOptions, host: CoupledHost) {
    this.batch = batch;
    this.#cost = cost;
    this.#options = options;
    this.#host = host;
  }

  get pool(): KvPool | null {
    return this.#options.pool;
  }

  /** Waiting, and the one that is computed. */
  get prefillLength(): number {
    return this.waiting.length + (this.#current ? 1 : 0);
  }

  /** Predicted prefill work ahead of a job that came now, ms. */
  get backlogMs(): number {
    const current = this.#current;
    const left = current ? (current.backlogMs * (promptOf(current) - this.#currentDone)) / promptOf(current) : 0;
    return this.#queuedMs + left;
  }

  arrive(job: Job, nowMs: number): void {
    this.waiting.push(job);
    this.#queuedMs += job.backlogMs;
    if (this.#running === "no") this.#proceed(nowMs);
    else if (this.#running === "decode" && this.waiting.length === 1) {
      const steps = this.#run.stepsUntil(nowMs);
      if (steps < this.#run.steps && this.#fits(job, steps)) {
        this.#run.steps = steps;
        this.#host.schedule(this.#run.endOf(steps), ++this.#version);
      }
    }
  }

  wake(nowMs: number, version: number): void {
    if (version !== this.#version) return;
    const elapsed = nowMs - this.#stepStartMs;
    this.busyMs += elapsed;
    this.sequenceMs += elapsed * this.batch.size;
    if (this.#running !== "prefill" && this.batch.size > 0) {
      this.decodeMs += elapsed;
      if (this.#running === "decode")
        this.batch.record(this.#run.firstMs, this.#run.slopeMs, this.#run.steps, this.#stallMs);
      else this.batch.record(elapsed, 0, 1, this.#stallMs);
      this.#stallMs = 0;
    }
    if (this.#running === "prefill") this.#stallMs += elapsed;
    if (this.#running === "prefill" || this.#running === "mixed") this.#currentDone += this.#chunk;
    this.#running = "no";
    for (let job = this.batch.takeFinished(); job; job = this.batch.takeFinished()) this.#finish(job, nowMs);
    if (this.#current && this.#currentDone >= promptOf(this.#current)) this.#endPrefill(this.#current, nowMs);
    this.#makeRoom(nowMs);
    this.#proceed(nowMs);
  }

  #endPrefill(job: Job, nowMs: number): void {
    this.#current = null;
    this.#currentDone = 0;
    const pool = this.#options.pool;
    if (pool) {
      const { blocks } = job.request;
      const stored = pool.store(blocks, job.pinnedBlocks, blocks.length, nowMs);
      pool.pin(blocks, job.pinnedBlocks, job.pinnedBlocks + stored);
      job.pinnedBlocks += stored;
    }
    if (job.generated === 0) {
      this.prefills++;
      job.generated = 1;
      job.firstTokenMs = nowMs;
      job.lastTokenMs = nowMs;
      job.decodeStartMs = nowMs;
      this.#host.prefilled(job, nowMs);
      if (job.request.outputTokens === 1) {
        this.#finish(job, nowMs);
        return;
      }
    }
    if (this.batch.size === 0) this.#stallMs = 0;
    this.batch.add(job, nowMs - job.lastTokenMs - this.#stallMs);
  }

  #finish(job: Job, nowMs: number): void {
    this.#unpin(job, nowMs);
    this.#host.finished(job, nowMs, job.request.outputTokens === 1 ? null : this.batch.tailMean(job));
  }

  /** Its blocks may go from now on: the least recently used are those that were let go first, as in vLLM. */
  #unpin(job: Job, nowMs: number): void {
    this.#options.pool?.use(job.request.blocks, 0, job.pinnedBlocks, nowMs);
    this.#options.pool?.unpin(job.request.blocks, 0, job.pinnedBlocks);
    job.pinnedBlocks = 0;
  }

  #makeRoom(nowMs: number): void {
    const { batch } = this;
    while (batch.size > 1 && this.#used() + batch.size > this.#cost.kvCapacityTokens) {
      const job = batch.takeYoungest();
      this.#unpin(job, nowMs);
      job.lastTokenMs = nowMs;
      this.waiting.unshift(job);
      this.#queuedMs += job.backlogMs;
      this.#host.preempted(job, nowMs);
    }
  }

  #proceed(nowMs: number): void {
    const { batch, waiting } = this;
    const { chunkedPrefill, chunkTokens } = this.#options;
    const head = waiting.peek();
    if (!this.#current && head && this.#fits(head, 0)) this.#take(head, nowMs);
    this.#stepStartMs = nowMs;
    const job = this.#current;
    if (job) {
      const left = promptOf(job) - this.#currentDone;
      this.#chunk = chunkedPrefill ? Math.min(left, Math.max(1, chunkTokens - batch.size)) : left;
      this.#running = chunkedPrefill ? "mixed" : "prefill";
      const ms = chunkedPrefill
        ? this.#cost.stepMs(this.#chunk, this.#currentDone, batch.size, batch.context)
        : this.#cost.stepMs(this.#chunk, this.#currentDone, 0, 0);
      this.#host.schedule(nowMs + ms, ++this.#version);
    } else if (batch.size > 0) {
      const untilFull = Math.max(1, Math.floor((this.#cost.kvCapacityTokens - batch.context) / batch.size));
      this.#run.begin(nowMs, this.#cost, batch, Math.min(batch.stepsToFinish, untilFull));
      this.#running = "decode";
      this.#host.schedule(this.#run.endOf(this.#run.steps), ++this.#version);
    }
  }

  #take(job: Job, nowMs: number): void {
    this.waiting.shift();
    this.#queuedMs = this.waiting.length === 0 ? 0 : this.#queuedMs - job.backlogMs;
    this.#current = job;
    const { pool, blockTokens } = this.#options;
    const { blocks, inputTokens } = job.request;
    if (pool) {
      job.pinnedBlocks = pool.prefixLength(blocks);
      pool.pin(blocks, 0, job.pinnedBlocks);
    }
    this.#currentDone = Math.min(job.pinnedBlocks * blockTokens, inputTokens - 1);
    if (job.generated > 0) return;
    job.prefixTokens = this.#currentDone;
    job.computedTokens = inputTokens - job.prefixTokens;
    job.prefillStartMs = nowMs;
  }

  /** KV tokens of the batch and of the prompt that is computed. */
  #used(): number {
    return this.batch.context + (this.#current ? promptOf(this.#current) : 0);
  }

  #fits(job: Job, steps: number): boolean {
    const { batch } = this;
    if (batch.size >= this.#options.maxBatch) return false;
    if (batch.size === 0 && !this.#current) return true;
    const grown = batch.size * (steps + 1) + 1;
    return this.#used() + grown + promptOf(job) <= this.#cost.kvCapacityTokens * (1 - watermark);
  }
}

/** Tokens to be computed: those that are out too, where a sequence was put out. */
function promptOf(job: Job): number {
  return job.request.inputTokens + job.generated;
}
