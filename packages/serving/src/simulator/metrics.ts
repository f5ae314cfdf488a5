import type { Limit } from "../conductor/types.ts";
import { ErrorMeter, type EstimatorError } from "../estimators/index.ts";
import type { TraceInfo, TraceRequest } from "../traces/types.ts";
import { Histogram } from "./histogram.ts";
import type { Job } from "./job.ts";
import { Column } from "./recorder.ts";
import type { Attainment, CacheResult, Latencies, RejectionCount, RequestCounts } from "./result.ts";

/** Counts and times of a run, collected as it goes. */
export class Metrics {
  readonly intervals = new Histogram();
  readonly #ttftLimitMs: number;
  readonly #tbtLimitMs: number;
  readonly #blockSize: number;
  readonly #columns = {
    ttftMs: new Column(),
    tbtMs: new Column(),
    tpotMs: new Column(),
    e2eMs: new Column(),
    queueMs: new Column(),
    prefillMs: new Column(),
    handoffMs: new Column(),
  };
  readonly #decisionMicros = new Column();
  readonly #rejections = new Map<string, { stage: "arrival" | "decode"; limit: Limit; count: number }>();
  readonly #ttftError = new ErrorMeter();
  readonly #tbtError = new ErrorMeter();
  /** 1 for each block that some request of the trace has had, and how many have. */
  readonly #uses: Uint32Array;
  #infiniteHitTokens = 0;
  #traceTokens = 0;
  #withinTtft = 0;
  #withinTbt = 0;
  #outputTokens = 0;
  #inputTokens = 0;
  #hits = { device: 0, dram: 0, ssd: 0, remote: 0 };
  #promptTokens = 0;
  #computedTokens = 0;
  #wastedTokens = 0;
  total = 0;
  completed = 0;
  effective = 0;
  rejected = 0;
  impossible = 0;
  preemptions = 0;
  lastEndMs = 0;

  constructor(trace: TraceInfo, ttftLimitMs: number, tbtLimitMs: number) {
    this.#ttftLimitMs = ttftLimitMs;
    this.#tbtLimitMs = tbtLimitMs;
    this.#blockSize = trace.blockSize;
    this.#uses = new Uint32Array(trace.blockIds);
  }

  arrived({ blocks, inputTokens }: TraceRequest): void {
    this.total++;
    this.#traceTokens += inputTokens;
    let seen = 0;
    while (seen < blocks.length && this.#uses[blocks[seen]] > 0) seen++;
    this.#infiniteHitTokens += Math.min(seen * this.#blockSize, inputTokens);
    for (let i = 0; i < blocks.length; i++) this.#uses[blocks[i]]++;
  }

  decided(micros: number): void {
    this.#decisionMicros.push(micros);
  }

  rejectedAt(stage: "arrival" | "decode", limit: Limit, nowMs: number): void {
    const key = `${stage} ${limit}`;
    const known = this.#rejections.get(key);
    if (known) known.count++;
    else this.#rejections.set(key, { stage, limit, count: 1 });
    this.rejected++;
    this.lastEndMs = nowMs;
  }

  /** Computed in vain: for a request that was turned away afterwards, or for a sequence that was computed before. */
  wasted(tokens: number): void {
    this.#wastedTokens += tokens;
  }

  /** A prompt has been computed but for what was there: by tier, in tokens. */
  prefilled(job: Job, device: number, dram: number, ssd: number, remote: number): void {
    this.#promptTokens += job.request.inputTokens;
    this.#computedTokens += job.computedTokens;
    this.#hits.device += device;
    this.#hits.dram += dram;
    this.#hits.ssd += ssd;
    this.#hits.remote += remote;
  }

  /** @param tbtMs - Mean of the longest tenth of its intervals; null of an output of one token, which keeps any limit. */
  finished(job: Job, nowMs: number, tbtMs: number | null): void {
    const { request, arrivalMs, firstTokenMs } = job;
    const columns = this.#columns;
    const ttft = firstTokenMs - arrivalMs;
    this.completed++;
    this.lastEndMs = nowMs;
    this.#outputTokens += request.outputTokens;
    this.#inputTokens += request.inputTokens;
    columns.ttftMs.push(ttft);
    columns.e2eMs.push(nowMs - arrivalMs);
    columns.queueMs.push(job.prefillStartMs - arrivalMs);
    columns.prefillMs.push(firstTokenMs - job.prefillStartMs);
    if (Number.isFinite(job.predictedTtftMs)) this.#ttftError.add(job.predictedTtftMs, ttft);
    if (tbtMs !== null) {
      columns.tbtMs.push(tbtMs);
      columns.tpotMs.push((nowMs - firstTokenMs) / (request.outputTokens - 1));
      columns.handoffMs.push(job.decodeStartMs - firstTokenMs);
      if (Number.isFinite(job.predictedTbtMs)) this.#tbtError.add(job.predictedTbtMs, tbtMs);
    }
    const inTtft = ttft <= this.#ttftLimitMs;
    const inTbt = tbtMs === null || tbtMs <= this.#tbtLimitMs;
    if (inTtft) this.#withinTtft++;
    if (inTbt) this.#withinTbt++;
    if (inTtft && inTbt) this.effective++;
  }

  requests(): RequestCounts {
    const { total, completed, rejected, impossible, effective, preemptions } = this;
    const rejections: RejectionCount[] = [...this.#rejections.values()].toSorted(
      (a, b) => a.stage.localeCompare(b.stage) || a.limit.localeCompare(b.limit),
    );
    return { total, completed, rejected, impossible, effective, rejections, preemptions };
  }

  latencies(): Latencies {
    const { ttftMs, tbtMs, tpotMs, e2eMs, queueMs, prefillMs, handoffMs } = this.#columns;
    const { intervals } = this;
    const [p50, p90, p95, p99] = [0.5, 0.9, 0.95, 0.99].map((q) => intervals.quantile(q));
    return {
      ttftMs: ttftMs.distribution(),
      tbtMs: tbtMs.distribution(),
      tpotMs: tpotMs.distribution(),
      e2eMs: e2eMs.distribution(),
      queueMs: queueMs.distribution(),
      prefillMs: prefillMs.distribution(),
      handoffMs: handoffMs.distribution(),
      itlMs: { count: intervals.count, mean: intervals.mean, p50, p90, p95, p99, max: intervals.max },
    };
  }

  attainment(virtualMs: number): Attainment {
    const share = (count: number) => (this.total === 0 ? 0 : count / this.total);
    const perSecond = (count: number) => (virtualMs === 0 ? 0 : (1000 * count) / virtualMs);
    return {
      ttft: share(this.#withinTtft),
      tbt: share(this.#withinTbt),
      effective: share(this.effective),
      goodputPerSecond: perSecond(this.effective),
      outputTokensPerSecond: perSecond(this.#outputTokens),
      inputTokensPerSecond: perSecond(this.#inputTokens),
    };
  }

  cache(): Omit<CacheResult, "evictedBlocks" | "storedBlocks" | "hotBlocks"> {
    const { device, dram, ssd, remote } = this.#hits;
    return {
      promptTokens: this.#promptTokens,
      hitTokens: { ...this.#hits },
      hitRatio: this.#promptTokens === 0 ? 0 : (device + dram + ssd + remote) / this.#promptTokens,
      infiniteHitRatio: this.#traceTokens === 0 ? 0 : this.#infiniteHitTokens / this.#traceTokens,
      wastedPrefillTokens: this.#wastedTokens,
      computedPrefillTokens: this.#computedTokens,
    };
  }

  /** The blocks that most requests have had, and how many; ties by number. */
  hottestBlocks(count: number): { block: number; uses: number }[] {
    const best: { block: number; uses: number }[] = [];
    let least = 1;
    for (let block = 0; block < this.#uses.length; block++) {
      const uses = this.#uses[block];
      if (uses <= least) continue;
      best.push({ block, uses });
      if (best.length < 2 * count) continue;
      best.sort((a, b) => b.uses - a.uses || a.block - b.block);
      best.length = count;
      least = best[count - 1].uses;
    }
    return best.toSorted((a, b) => b.uses - a.uses || a.block - b.block).slice(0, count);
  }

  predictions(): { ttft: EstimatorError | null; tbt: EstimatorError | null } {
    const of = (meter: ErrorMeter) => {
      const report = meter.report();
      return report.count > 0 ? report : null;
    };
    return { ttft: of(this.#ttftError), tbt: of(this.#tbtError) };
  }

  decisionMicros(): Column {
    return this.#decisionMicros;
  }
}
