/** Bins per factor e: a value is known within 1 / 100. */
const resolution = 100;
const smallest = 1e-3;

/** Counts of values > 0 in log-spaced bins: quantiles within 1% whatever the number of values. */
export class Histogram {
  #bins = new Float64Array(2048);
  #count = 0;
  #sum = 0;
  #max = 0;

  get count(): number {
    return this.#count;
  }

  get mean(): number | null {
    return this.#count === 0 ? null : this.#sum / this.#count;
  }

  get max(): number | null {
    return this.#count === 0 ? null : this.#max;
  }

  add(value: number, times: number): void {
    const bin = Math.min(this.#bins.length - 1, Math.max(0, Math.round(Math.log(value / smallest) * resolution)));
    this.#bins[bin] += times;
    this.#count += times;
    this.#sum += value * times;
    if (value > this.#max) this.#max = value;
  }

  /** Values `first`, `first + slope`, … each `times`. Where they span several bins, in as many pieces. */
  addProgression(first: number, slope: number, count: number, times: number): void {
    const pieces = Math.min(count, Math.ceil((Math.log(1 + (slope * (count - 1)) / first) * resolution) / 2) || 1);
    let done = 0;
    for (let piece = 1; piece <= pieces; piece++) {
      const upTo = Math.round((count * piece) / pieces);
      this.add(first + (slope * (done + upTo - 1)) / 2, (upTo - done) * times);
      done = upTo;
    }
    this.#max = Math.max(this.#max, first + slope * (count - 1));
  }

  /** Least value that a share `q` of all does not exceed. Null of none. */
  quantile(q: number): number | null {
    if (this.#count === 0) return null;
    let left = q * this.#count;
    for (const [bin, count] of this.#bins.entries()) {
      left -= count;
      if (count > 0 && left <= 1e-9 * this.#count) return Math.min(this.#max, smallest * Math.exp(bin / resolution));
    }
    return this.#max;
  }
}
