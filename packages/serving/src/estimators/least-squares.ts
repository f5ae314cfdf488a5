/**
 * Non-negative least squares of a few features, from sums: minimizes Σ w (x·c − y)², c ≥ 0. Time never shrinks with more work, and a
 * negative coefficient says that it does as soon as one extrapolates. Tries each set of features that are not zero: exact, and at most
 * 2ⁿ small systems.
 */
export class LeastSquares {
  private readonly size: number;
  /** Σ w x xᵀ, row-major, and Σ w x y. */
  private readonly xx: Float64Array;
  private readonly xy: Float64Array;

  /** @throws RangeError if `size` is not from 1 to 8. */
  constructor(size: number) {
    if (!Number.isInteger(size) || size < 1 || size > 8) throw new RangeError(`size is ${size}; from 1 to 8 features`);
    this.size = size;
    this.xx = new Float64Array(size * size);
    this.xy = new Float64Array(size);
  }

  /** Lets what was added weigh less. */
  decay(factor: number): void {
    for (let i = 0; i < this.xx.length; i++) this.xx[i] *= factor;
    for (let i = 0; i < this.size; i++) this.xy[i] *= factor;
  }

  add(features: readonly number[], y: number, weight: number): void {
    for (let i = 0; i < this.size; i++) {
      for (let j = 0; j < this.size; j++) this.xx[i * this.size + j] += weight * features[i] * features[j];
      this.xy[i] += weight * features[i] * y;
    }
  }

  /** Coefficients; zeros if nothing was added. */
  solve(): Float64Array {
    const { size, xx, xy } = this;
    let best = new Float64Array(size);
    let bestGain = 0;
    for (let set = 1; set < 1 << size; set++) {
      const chosen = Array.from({ length: size }, (_, i) => i).filter((i) => set & (1 << i));
      const part = solvePart(chosen, size, xx, xy);
      if (!part) continue;
      // What the residual loses: Σ c_i (xy)_i at the solution of the chosen features.
      const gain = chosen.reduce((sum, i, k) => sum + part[k] * xy[i], 0);
      if (gain <= bestGain) continue;
      bestGain = gain;
      best = new Float64Array(size);
      chosen.forEach((i, k) => {
        best[i] = part[k];
      });
    }
    return best;
  }
}

/** Gaussian elimination with pivoting on the scaled system; null if it is singular or a coefficient is negative. */
function solvePart(
  chosen: readonly number[],
  size: number,
  xx: Float64Array,
  xy: Float64Array,
): readonly number[] | null {
  // Features differ by orders of magnitude (1, n, n²): scaled to a unit diagonal.
  const scale = chosen.map((i) => Math.sqrt(xx[i * size + i]));
  if (scale.some((value) => !(value > 0))) return null;
  const rows = chosen.map((i, a) => [
    ...chosen.map((j, b) => xx[i * size + j] / (scale[a] * scale[b])),
    xy[i] / scale[a],
  ]);
  const n = chosen.length;
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let row = column + 1; row < n; row++) {
      if (Math.abs(rows[row][column]) > Math.abs(rows[pivot][column])) pivot = row;
    }
    if (Math.abs(rows[pivot][column]) < 1e-10) return null;
    [rows[column], rows[pivot]] = [rows[pivot], rows[column]];
    for (let row = 0; row < n; row++) {
      if (row === column) continue;
      const factor = rows[row][column] / rows[column][column];
      for (let k = column; k <= n; k++) rows[row][k] -= factor * rows[column][k];
    }
  }
  const result = rows.map((row, i) => row[n] / row[i] / scale[i]);
  return result.every((value) => value >= 0) ? result : null;
}
