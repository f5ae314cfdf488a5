import type { CostModel } from "../costs/types.ts";
import { Fifo } from "./fifo.ts";
import type { Job } from "./job.ts";

export interface PrefillHost {
  /** The first stage, or the whole of an instance of one node, is free again. */
  scheduleFree(atMs: number): void;
  scheduleComputed(atMs: number, job: Job): void;
  /** It is this job's turn: says what prefix is there, or will be when its flows end. Sets prefixTokens and computedTokens. */
  begin(job: Job, nowMs: number): void;
  /** The job computes for `prefillMs` from now on, and its KV can leave at this pace. */
  began(job: Job, nowMs: number): void;
}

export interface PrefillOptions {
  /** Nodes in a row, each with its share of the layers. */
  readonly stages: number;
  readonly chunkTokens: number;
  readonly layerwise: boolean;
}

/**
 * Prefills one request after the other, in order. A chunked pipeline group (FAST'25 §3.3) is a row of nodes, each with an equal
 * share of the layers, through which the chunks of a prompt pass: the next prompt follows as soon as the first node is free.
 */
export class PrefillInstance {
  readonly queue = new Fifo<Job>();
  readonly #cost: CostModel;
  readonly #options: PrefillOptions;
  readonly #host: PrefillHost;
  /** The job on the first stage. */
  #current: Job | null = null;
  /** When the last stage will be done with all that has begun. */
  #lastStageMs = 0;
  /** Predicted work of what waits, ms. */
  #queuedMs = 0;
  #freeAtMs = 0;
  busyMs = 0;
  count = 0;

  constructor(cost: CostModel, options: PrefillOptions, host: PrefillHost) {
    this.#cost = cost;
    this.#options = options;
    this.#host = host;
  }

  /** Waiting, and the one that computes. */
  get length(): number {
    return this.queue.length + (this.#current ? 1 : 0);
  }

  /** Predicted work ahead of a job that came now, ms. */
  backlogMs(nowMs: number): number {
    return this.#queuedMs + (this.#current ? Math.max(0, this.#freeAtMs - nowMs) : 0);
  }

  /** ms that it has computed until now. */
  busyUntil(nowMs: number): number {
    if (!this.#current) return this.busyMs;
    if (this.#options.stages === 1) return this.busyMs + nowMs - this.#current.prefillStartMs;
    return this.busyMs - Math.max(0, this.#freeAtMs - nowMs);
  }

  add(job: Job, nowMs: number): void {
    this.queue.push(job);
    this.#queuedMs += job.backlogMs;
    this.proceed(nowMs);
  }

  /** ms of computing a prompt's rest alone on an idle instance. */
  aloneMs(newTokens: number, prefixTokens: number): number {
    const { stages } = this.#options;
    let sum = 0;
    let last = 0;
    this.#eachChunk(newTokens, prefixTokens, (ms) => {
      sum += ms;
      last = ms;
    });
    return sum + (stages - 1) * last;
  }

  /** The first stage is free. */
  free(nowMs: number): void {
    if (this.#options.stages === 1) return;
    this.#current = null;
    this.proceed(nowMs);
  }

  /** The job's prefill is over. An instance of one node was held until now. */
  release(job: Job, nowMs: number): void {
    if (this.#current !== job) return;
    this.busyMs += nowMs - job.prefillStartMs;
    this.#current = null;
    this.proceed(nowMs);
  }

  /** Begins the next job if there is one and it can begin. */
  proceed(nowMs: number): void {
    const job = this.queue.peek();
    if (this.#current || !job) return;
    // Without layer-wise loading the prefix must be there first; those behind wait too.
    if (!this.#options.layerwise && job.pendingFlows > 0) return;
    this.queue.shift();
    this.#queuedMs = this.queue.length === 0 ? 0 : this.#queuedMs - job.backlogMs;
    this.#current = job;
    this.count++;
    this.#host.begin(job, nowMs);
    job.prefillStartMs = nowMs;
    const { firstStageMs, endMs } = this.#compute(job, nowMs);
    const loadMs = (job.prefixTokens * this.#cost.kvBytesPerToken) / this.#cost.hostToDeviceBytesPerMs;
    const firstLayerMs = loadMs / this.#cost.layers;
    const computeMs = endMs - nowMs;
    // Layer by layer the longer of loading and computing shows, and the load of the first layer.
    job.prefillMs = this.#options.layerwise
      ? firstLayerMs + Math.max(loadMs - firstLayerMs, computeMs)
      : loadMs + computeMs;
    const doneMs = nowMs + job.prefillMs;
    this.#lastStageMs = Math.max(this.#lastStageMs, doneMs);
    if (this.#options.stages > 1) {
      this.#freeAtMs = nowMs + Math.max(firstStageMs, (firstStageMs * job.prefillMs) / computeMs);
      this.busyMs += this.#freeAtMs - nowMs;
      this.#host.scheduleFree(this.#freeAtMs);
    } else this.#freeAtMs = doneMs;
    this.#host.began(job, nowMs);
    this.#host.scheduleComputed(doneMs, job);
  }

  /**
   * A row of machines with equal times per chunk: a chunk leaves the last stage a chunk's time after the one before it,
   * or once it has gone through all stages itself, whichever is later.
   */
  #compute(job: Job, nowMs: number): { firstStageMs: number; endMs: number } {
    const { stages } = this.#options;
    let firstStageMs = 0;
    let endMs = this.#lastStageMs;
    this.#eachChunk(job.computedTokens, job.prefixTokens, (ms) => {
      firstStageMs += ms;
      endMs = Math.max(endMs + ms, nowMs + firstStageMs + (stages - 1) * ms);
    });
    return { firstStageMs, endMs };
  }

  /** @param each - Called with the time that each chunk takes on one stage. */
  #eachChunk(newTokens: number, prefixTokens: number, each: (ms: number) => void): void {
    const { stages, chunkTokens } = this.#options;
    const size = stages === 1 ? newTokens : chunkTokens;
    for (let done = 0; done < newTokens; done += size) {
      each(this.#cost.stepMs(Math.min(size, newTokens - done), prefixTokens + done, 0, 0) / stages);
    }
  }
}
