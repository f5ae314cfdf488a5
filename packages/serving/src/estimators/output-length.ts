import { ErrorMeter } from "./error.ts";
import type { EstimatorError, OutputEstimator } from "./types.ts";

/** Lengths are binned at 2^(k/4): neighbours differ by 19%. 2^(80/4) = 1M tokens is the last. */
const binsPerOctave = 4;
const bins = 80;
/** Inputs: up to 1k, 4k, 16k, 64k, above. */
const inputGroups = 5;

export interface OutputPredictorOptions {
  /** Mean before anything has finished. Default 256 tokens. */
  readonly priorMean?: number;
  /** Finished requests that a group needs before it counts as much as all requests together. Default 32. */
  readonly shrinkage?: number;
  /** Weight that a finished request keeps at each later one of its group. Default 0.998: the last five hundred count. */
  readonly memory?: number;
}

/** An {@link OutputEstimator} that learns from finished requests. */
export interface OutputPredictor extends OutputEstimator {
  observe(inputTokens: number, outputClass: number, outputTokens: number): void;
  error(): EstimatorError;
}

/**
 * How long outputs are, learned online: a decaying histogram per (class, input length), drawn towards that of all requests while it has
 * seen few. The paper leaves prediction per request to future work for its cost (arXiv 2407.00079 §7.3); a look at a table costs
 * nanoseconds, and {@link OutputEstimator.survival} conditions on what a sequence has put out so far.
 *
 * @throws RangeError if an option is out of range.
 */
export function createOutputPredictor({
  priorMean = 256,
  shrinkage = 32,
  memory = 0.998,
}: OutputPredictorOptions = {}): OutputPredictor {
  if (!(priorMean > 0)) throw new RangeError(`priorMean is ${priorMean}; it must be above 0 tokens`);
  if (!(shrinkage > 0)) throw new RangeError(`shrinkage is ${shrinkage}; it must be above 0 requests`);
  if (!(memory > 0 && memory <= 1)) throw new RangeError(`memory is ${memory}; it must be above 0 and at most 1`);
  const all = new Histogram(memory);
  all.seed(priorMean, 4);
  all.tabulate(null, 0);
  const groups = new Map<number, Histogram>();
  const meter = new ErrorMeter();
  // Tables change when something is observed, never when something is asked: asking has no trace.
  const groupOf = (inputTokens: number, outputClass: number) => groups.get(groupKey(inputTokens, outputClass)) ?? all;

  return {
    expectedTokens(inputTokens, outputClass, maxOutputTokens) {
      return Math.min(groupOf(inputTokens, outputClass).mean, maxOutputTokens);
    },
    survival(inputTokens, outputClass, generated, later) {
      return groupOf(inputTokens, outputClass).survival(generated, later);
    },
    observe(inputTokens, outputClass, outputTokens) {
      if (!(outputTokens >= 1)) throw new RangeError(`outputTokens is ${outputTokens}; it must be at least 1`);
      meter.add(groupOf(inputTokens, outputClass).mean, outputTokens);
      const key = groupKey(inputTokens, outputClass);
      const group = groups.get(key) ?? new Histogram(memory);
      groups.set(key, group);
      all.add(outputTokens);
      group.add(outputTokens);
      if (all.stale) {
        all.tabulate(null, 0);
        for (const each of groups.values()) each.tabulate(all, shrinkage);
      } else if (group.stale) group.tabulate(all, shrinkage);
    },
    error: () => meter.report(),
  };
}

class Histogram {
  /** Whether the tables below are out of date enough to be made again. */
  stale = true;
  mean = 0;
  private readonly memory: number;
  private readonly counts = new Float64Array(bins + 1);
  private readonly tokens = new Float64Array(bins + 1);
  /** Probability that an output is longer than 2^(k/4). */
  private readonly tail = new Float64Array(bins + 2);
  private total = 0;
  private fresh = 0;

  constructor(memory: number) {
    this.memory = memory;
  }

  /** Puts in a geometric distribution, as `weight` requests. */
  seed(mean: number, weight: number): void {
    for (let k = 0; k <= bins; k++) {
      const from = k === 0 ? 0 : edge(k - 1);
      const share = Math.exp(-from / mean) - Math.exp(-edge(k) / mean);
      this.counts[k] += weight * share;
      this.tokens[k] += weight * share * Math.min(edge(k), Math.max(from, (from + edge(k)) / 2));
    }
    this.total += weight;
  }

  add(tokens: number): void {
    for (let k = 0; k <= bins; k++) {
      this.counts[k] *= this.memory;
      this.tokens[k] *= this.memory;
    }
    const k = binOf(tokens);
    this.counts[k]++;
    this.tokens[k] += tokens;
    this.total = this.total * this.memory + 1;
    // The first few change much; later ones little each.
    if (++this.fresh >= Math.min(16, this.total / 8)) this.stale = true;
  }

  /** Makes the tables, with `prior`'s as `weight` requests more. */
  tabulate(prior: Histogram | null, weight: number): void {
    const total = this.total + (prior ? weight : 0);
    let above = 0;
    let sum = 0;
    for (let k = bins; k >= 0; k--) {
      this.tail[k + 1] = above / total;
      above += this.counts[k] + (prior ? weight * (prior.tail[k] - prior.tail[k + 1]) : 0);
      sum += this.tokens[k];
    }
    this.tail[0] = 1;
    this.mean = Math.max(1, (sum + (prior ? weight * prior.mean : 0)) / total);
    this.stale = false;
    this.fresh = 0;
  }

  survival(generated: number, later: number): number {
    const now = this.beyond(generated);
    // Longer than any seen: it has as much before it as it has behind it, by the distribution of Pareto with exponent 1.
    if (now < 1e-6) return Math.min(1, generated / Math.max(later, 1));
    return Math.min(1, this.beyond(later) / now);
  }

  /** Probability of more than `tokens`, linear within a bin. tail[k] is at the bin's lower edge. */
  private beyond(tokens: number): number {
    const k = binOf(tokens);
    const from = k === 0 ? 0 : edge(k - 1);
    const share = Math.min(1, Math.max(0, (tokens - from) / (edge(k) - from)));
    return this.tail[k] + (this.tail[k + 1] - this.tail[k]) * share;
  }
}

const edges = Float64Array.from({ length: bins + 1 }, (_, k) => 2 ** (k / binsPerOctave));

function edge(k: number): number {
  return edges[k];
}

/** Bin k holds lengths above edge(k − 1) and up to edge(k). */
function binOf(tokens: number): number {
  if (tokens <= 1) return 0;
  return Math.min(bins, Math.ceil(Math.log2(tokens) * binsPerOctave - 1e-9));
}

function groupKey(inputTokens: number, outputClass: number): number {
  return outputClass * inputGroups + inputGroup(inputTokens);
}

function inputGroup(inputTokens: number): number {
  return inputTokens <= 1024 ? 0 : inputTokens <= 4096 ? 1 : inputTokens <= 16384 ? 2 : inputTokens <= 65536 ? 3 : 4;
}
