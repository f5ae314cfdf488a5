import type { ClusterSample } from "./cluster.ts";
import type { Metrics } from "./metrics.ts";
import type { OscillationResult, SeriesResult } from "./result.ts";

/** Samples of a run at equal steps. */
export class Series {
  readonly #stepMs: number;
  readonly #at: number[] = [];
  readonly #columns = {
    prefillQueue: [] as number[],
    decodeBatch: [] as number[],
    decodeQueue: [] as number[],
    prefillLoad: [] as number[],
    decodeLoad: [] as number[],
    prefillUtilization: [] as number[],
    linkUtilization: [] as number[],
    arrivals: [] as number[],
    rejections: [] as number[],
    completions: [] as number[],
  };
  #busyMs = 0;
  #bytes = 0;
  #arrived = 0;
  #rejected = 0;
  #completed = 0;

  constructor(stepMs: number) {
    this.#stepMs = stepMs;
  }

  add(nowMs: number, sample: ClusterSample, metrics: Metrics): void {
    const columns = this.#columns;
    this.#at.push(nowMs);
    for (const name of ["prefillQueue", "decodeBatch", "decodeQueue", "prefillLoad", "decodeLoad"] as const) {
      columns[name].push(rounded(sample[name]));
    }
    const { prefillBusyMs, prefillInstances, carriedBytes, linkCapacity } = sample;
    const share = (part: number, whole: number) => rounded(whole > 0 ? Math.min(1, Math.max(0, part / whole)) : 0);
    columns.prefillUtilization.push(share(prefillBusyMs - this.#busyMs, prefillInstances * this.#stepMs));
    columns.linkUtilization.push(share(carriedBytes - this.#bytes, linkCapacity * this.#stepMs));
    columns.arrivals.push(metrics.total - this.#arrived);
    columns.rejections.push(metrics.rejected - this.#rejected);
    columns.completions.push(metrics.completed - this.#completed);
    this.#busyMs = prefillBusyMs;
    this.#bytes = carriedBytes;
    this.#arrived = metrics.total;
    this.#rejected = metrics.rejected;
    this.#completed = metrics.completed;
  }

  result(): SeriesResult {
    return { atMs: this.#at, ...this.#columns };
  }

  /** @param lastArrivalMs - What comes after it, the cluster running empty, is left out. */
  oscillation(lastArrivalMs: number): OscillationResult {
    const from = Math.ceil(this.#at.length / 10);
    const to = this.#at.findLastIndex((at) => at <= lastArrivalMs) + 1;
    const prefill = this.#columns.prefillLoad.slice(from, to);
    const decode = this.#columns.decodeLoad.slice(from, to);
    const rejections = this.#columns.rejections.slice(from, to);
    const shifts = Math.min(Math.floor(120_000 / this.#stepMs), Math.floor(prefill.length / 4));
    let worst: number | null = null;
    let worstShift: number | null = null;
    for (let shift = -shifts; shift <= shifts; shift++) {
      const a = prefill.slice(Math.max(0, -shift), prefill.length - Math.max(0, shift));
      const b = decode.slice(Math.max(0, shift), decode.length - Math.max(0, -shift));
      const value = correlation(a, b);
      if (value === null || (worst !== null && value >= worst)) continue;
      worst = value;
      worstShift = shift * this.#stepMs;
    }
    const meanRejections = mean(rejections);
    return {
      correlation: correlation(prefill, decode),
      worstCorrelation: worst,
      worstShiftMs: worstShift,
      prefillAmplitude: deviation(prefill),
      decodeAmplitude: deviation(decode),
      rejectionBurstiness: meanRejections > 0 ? deviation(rejections) / meanRejections : null,
    };
  }
}

/** Six digits are more than a chart shows, and keep a report small. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function deviation(values: readonly number[]): number {
  const centre = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - centre) ** 2)));
}

/** Pearson's; null where one of the two never changes. */
export function correlation(a: readonly number[], b: readonly number[]): number | null {
  const [ma, mb] = [mean(a), mean(b)];
  const spread = deviation(a) * deviation(b);
  if (!(spread > 1e-12)) return null;
  return mean(a.map((value, i) => (value - ma) * (b[i] - mb))) / spread;
}
