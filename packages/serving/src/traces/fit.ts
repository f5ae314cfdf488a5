import { TraceError } from "./errors.ts";
import { generateTrace } from "./generate.ts";
import { checkParameters, type TraceParameters } from "./parameters.ts";
import { quantilesOf } from "./quantiles.ts";
import { analyzeSessions, type SessionAnalysis } from "./sessions.ts";
import { dispersionOf, infiniteHitRatio, type TraceStatistics, traceStatistics } from "./statistics.ts";
import type { Trace } from "./types.ts";

/** One property of a log beside the same of what the fitted parameters generate. */
export interface FitComparison {
  readonly name: string;
  readonly log: number;
  /** Mean over the seeds. */
  readonly generated: number;
  /** Standard deviation from seed to seed; null of one seed. */
  readonly spread: number | null;
}

export interface TraceFit {
  readonly parameters: TraceParameters;
  readonly log: TraceStatistics;
  /** Of traces generated with these seeds; a large log gets one. */
  readonly seeds: readonly number[];
  readonly comparison: readonly FitComparison[];
}

/** Fewer requests say too little. */
const fewest = 50;

/**
 * Finds the parameters of the generator for a log. What leaves the log is quantiles of lengths and gaps rounded to three
 * digits, and rates: no text, no id, no time of any request.
 * @throws TraceError for a log of less than 50 requests, or of no duration.
 */
export function fitTrace(trace: Trace): TraceFit {
  const { requests, spanMs, blockSize } = trace.info;
  if (requests < fewest)
    throw new TraceError(`${trace.info.name} holds ${requests} requests, a fit needs ${fewest} at least`);
  if (spanMs <= 0) throw new TraceError(`${trace.info.name}: all requests come at the same time, there is no rate`);
  const log = traceStatistics(trace);
  const analysis = analyzeSessions(trace);
  const binMs = coarseness(analysis.arrivals);
  const rounded = (value: number) => Number(value.toPrecision(3));
  const first: TraceParameters = {
    requests,
    blockSize,
    arrivals: {
      // The last request stands in a bin that goes on after it.
      perSecond: Number(((requests / (spanMs + binMs)) * 1000).toPrecision(4)),
      dispersion: rounded(dispersionOf(trace.requests, spanMs, requests)),
      profile: profileOf(analysis.arrivals, spanMs),
      binMs,
    },
    firstPrompt: quantilesOf(analysis.aloneTokens.length > 0 ? analysis.aloneTokens : [1]),
    output: quantilesOf(analysis.outputs),
    longestPrompt: Math.ceil(log.input.max / 1000) * 1000,
    sessions: sessionsOf(analysis),
    shared: analysis.shared,
  };
  const parameters = calibrate(first, log.infiniteHitRatio);
  checkParameters(parameters);
  const seeds = seedsFor(requests);
  const generated = seeds.map((seed) => traceStatistics(generateTrace(parameters, seed)));
  return { parameters, log, seeds, comparison: compare(log, generated) };
}

/** The beta distribution whose first two probabilities of going on are those of the log. */
function sessionsOf(analysis: SessionAnalysis): TraceParameters["sessions"] {
  const { turnsAt, goesOnAt, gapsMs, addedTokens, addedAfterCut, keptShares, byLength } = analysis;
  const alike = [1, 1, 1, 1, 1];
  const none = { a: 0, b: 1, gapMs: [0], byLength: alike, added: [0], cut: 0, kept: [1], addedAfterCut: [0] };
  const first = goesOnAt[0] / turnsAt[0];
  if (!(first > 0)) return none;
  // Later turns together, weighted by how many there are: (a + k) / (s + k) with a = first · s.
  const misfit = (s: number) => {
    let sum = 0;
    for (let k = 1; k < Math.min(turnsAt.length, 20); k++) {
      sum += turnsAt[k] * ((first * s + k) / (s + k) - goesOnAt[k] / turnsAt[k]) ** 2;
    }
    return sum;
  };
  let best = 1000;
  for (let s = 0.1; s < 1000; s *= 1.05) if (misfit(s) < misfit(best)) best = s;
  const rounded = (value: number) => Number(value.toPrecision(3));
  return {
    a: rounded(first * best),
    b: rounded((1 - first) * best),
    gapMs: quantilesOf(gapsMs),
    byLength,
    added: quantilesOf(addedTokens),
    cut: rounded(keptShares.length / gapsMs.length),
    kept: keptShares.length > 0 ? quantilesOf(keptShares) : [1],
    addedAfterCut: quantilesOf(addedAfterCut),
  };
}

/**
 * The log ends while sessions go on, and what is kept and how long a prompt is are not independent: the sessions' length is
 * moved until a generated trace has the log's hit ratio, where that can be done.
 */
function calibrate(parameters: TraceParameters, hitRatio: number): TraceParameters {
  if (parameters.sessions.a === 0) return parameters;
  const at = (scale: number): TraceParameters => ({
    ...parameters,
    sessions: { ...parameters.sessions, b: Number((parameters.sessions.b * scale).toPrecision(3)) },
  });
  const seeds = seedsFor(parameters.requests);
  const hits = (scale: number) => mean(seeds.map((seed) => infiniteHitRatio(generateTrace(at(scale), seed))));
  let [low, high] = [1 / 4, 4];
  let best = { scale: 1, miss: Number.POSITIVE_INFINITY };
  for (let i = 0; i < 9; i++) {
    const scale = Math.sqrt(low * high);
    const excess = hits(scale) - hitRatio;
    if (Math.abs(excess) < best.miss) best = { scale, miss: Math.abs(excess) };
    // A larger b ends sessions earlier.
    if (excess > 0) low = scale;
    else high = scale;
  }
  return at(best.scale);
}

/** One short trace says little of a heavy tail. */
function seedsFor(requests: number): number[] {
  return Array.from({ length: Math.min(5, Math.max(1, Math.floor(60_000 / requests))) }, (_, i) => i + 1);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Relative rates in equal parts of the trace: as many parts as the counts can tell apart, twelve at most. */
function profileOf(arrivals: Float64Array, spanMs: number): number[] {
  const parts = Math.max(1, Math.min(12, Math.floor(arrivals.length / 300)));
  const counts = new Array<number>(parts).fill(0);
  for (const at of arrivals) counts[Math.min(parts - 1, Math.floor((at / spanMs) * parts))]++;
  return counts.map((count) => Number(((count * parts) / arrivals.length).toPrecision(3)));
}

/** The step in which times are written, ms; 0 where they are fine. */
function coarseness(arrivals: Float64Array): number {
  const distinct = [...new Set(arrivals)];
  const gaps = distinct.slice(1).map((at, i) => at - distinct[i]);
  if (arrivals.length >= 2 * distinct.length && gaps.length > 0) {
    const middle = gaps.toSorted((a, b) => a - b)[gaps.length >> 1];
    return Number(middle.toPrecision(3));
  }
  return arrivals.every((at) => at % 1000 === 0) ? 1000 : 0;
}

function compare(log: TraceStatistics, generated: readonly TraceStatistics[]): FitComparison[] {
  const row = (name: string, pick: (statistics: TraceStatistics) => number): FitComparison => {
    const values = generated.map(pick);
    const middle = mean(values);
    const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
    const spread = values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : null;
    return { name, log: pick(log), generated: middle, spread };
  };
  const lru = (blocks: number) => (statistics: TraceStatistics) =>
    statistics.lruHitRatio.find((one) => one.blocks === blocks)?.hitRatio ?? statistics.infiniteHitRatio;
  return [
    row("requests per second", ({ perSecond }) => perSecond),
    row("dispersion of counts", ({ dispersion }) => dispersion),
    row("input tokens, mean", ({ input }) => input.mean),
    row("input tokens, p50", ({ input }) => input.p50),
    row("input tokens, p90", ({ input }) => input.p90),
    row("input tokens, p99", ({ input }) => input.p99),
    row("output tokens, mean", ({ output }) => output.mean),
    row("output tokens, p50", ({ output }) => output.p50),
    row("output tokens, p99", ({ output }) => output.p99),
    row("infinite-cache hit ratio", ({ infiniteHitRatio }) => infiniteHitRatio),
    ...log.lruHitRatio
      .filter(({ blocks }) => blocks < log.uniqueBlocks)
      .map(({ blocks }) => row(`hit ratio, LRU of ${blocks.toLocaleString("en")} blocks`, lru(blocks))),
  ];
}
