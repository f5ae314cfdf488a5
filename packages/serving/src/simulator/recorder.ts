import type { Distribution } from "./result.ts";

/** Numbers in a typed array that grows. */
export class Column {
  #values = new Float64Array(1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const larger = new Float64Array(2 * this.#length);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#length++] = value;
  }

  values(): Float64Array {
    return this.#values.subarray(0, this.#length);
  }

  distribution(): Distribution {
    return distributionOf(this.values());
  }
}

/** A quantile q is the least value that at least a share q of all does not exceed. */
export function distributionOf(values: Float64Array): Distribution {
  const count = values.length;
  if (count === 0) return { count, mean: null, p50: null, p90: null, p95: null, p99: null, max: null };
  const sorted = values.slice().sort();
  const quantile = (q: number) => sorted[Math.max(0, Math.ceil(q * count) - 1)];
  let sum = 0;
  for (const value of sorted) sum += value;
  return {
    count,
    mean: sum / count,
    p50: quantile(0.5),
    p90: quantile(0.9),
    p95: quantile(0.95),
    p99: quantile(0.99),
    max: sorted[count - 1],
  };
}
