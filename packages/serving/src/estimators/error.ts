import type { EstimatorError } from "./types.ts";

/** Collects how far predictions were off. The 90th percentile is of the last 1,024. */
export class ErrorMeter {
  private readonly recent = new Float64Array(1024);
  private count = 0;
  private sum = 0;
  private signed = 0;
  private max = 0;

  add(predicted: number, actual: number): void {
    if (!(actual > 0)) return;
    const relative = (predicted - actual) / actual;
    this.recent[this.count % this.recent.length] = Math.abs(relative);
    this.count++;
    this.sum += Math.abs(relative);
    this.signed += relative;
    this.max = Math.max(this.max, Math.abs(relative));
  }

  /** NaN throughout if nothing was collected. */
  report(): EstimatorError {
    const { count } = this;
    const sorted = this.recent.slice(0, Math.min(count, this.recent.length)).sort();
    return {
      count,
      meanRelative: this.sum / count,
      p90Relative: sorted[Math.ceil(sorted.length * 0.9) - 1] ?? Number.NaN,
      maxRelative: count ? this.max : Number.NaN,
      bias: this.signed / count,
    };
  }
}
