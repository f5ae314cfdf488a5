import { type LinearModel, type Link, linearScores, trainLogistic } from "./logistic.ts";
import { rowCount, type SparseRows } from "./sparse.ts";

/**
 * Inner products of all pairs of rows, [rows][rows]. Where there are fewer notes than features everything linear with a penalty on
 * ‖W‖² depends on the features through them alone (representer theorem), and is far cheaper so.
 */
export function linearKernel(rows: SparseRows): Float64Array[] {
  const count = rowCount(rows);
  const dense = new Float64Array(rows.columns);
  const kernel = Array.from({ length: count }, () => new Float64Array(count));
  for (let i = 0; i < count; i++) {
    for (let j = rows.starts[i]; j < rows.starts[i + 1]; j++) dense[rows.indices[j]] = rows.values[j];
    for (let k = 0; k <= i; k++) {
      let sum = 0;
      for (let j = rows.starts[k]; j < rows.starts[k + 1]; j++) sum += dense[rows.indices[j]] * rows.values[j];
      kernel[i][k] = sum;
      kernel[k][i] = sum;
    }
    for (let j = rows.starts[i]; j < rows.starts[i + 1]; j++) dense[rows.indices[j]] = 0;
  }
  return kernel;
}

/** Lower triangle L with L Lᵀ = K + ridge · 1. @throws RangeError where that is not positive definite */
export function cholesky(kernel: readonly ArrayLike<number>[], ridge: number): Float64Array[] {
  const lower = kernel.map((_, i) => new Float64Array(i + 1));
  for (const [i, row] of lower.entries()) {
    for (let j = 0; j <= i; j++) {
      const other = lower[j];
      let sum = kernel[i][j] + (i === j ? ridge : 0);
      for (let k = 0; k < j; k++) sum -= row[k] * other[k];
      if (i !== j) row[j] = sum / other[j];
      else if (sum > 0) row[j] = Math.sqrt(sum);
      else throw new RangeError(`row ${i} of the kernel depends on those before it: ${sum} on the diagonal`);
    }
  }
  return lower;
}

/** x with L x = b. */
function solveLower(lower: readonly Float64Array[], b: ArrayLike<number>): Float64Array {
  const x = new Float64Array(lower.length);
  for (const [i, row] of lower.entries()) {
    let sum = b[i];
    for (let k = 0; k < i; k++) sum -= row[k] * x[k];
    x[i] = sum / row[i];
  }
  return x;
}

function pick(kernel: readonly Float64Array[], rows: readonly number[], columns: readonly number[]): Float64Array[] {
  return rows.map((i) => Float64Array.from(columns, (j) => kernel[i][j]));
}

function denseRows(rows: readonly Float64Array[], columns: number): SparseRows {
  const starts = new Int32Array(rows.length + 1);
  for (const [i, row] of rows.entries()) starts[i + 1] = starts[i] + row.length;
  const indices = new Int32Array(starts[rows.length]);
  const values = new Float64Array(starts[rows.length]);
  for (const [i, row] of rows.entries()) {
    values.set(row, starts[i]);
    for (let j = 0; j < row.length; j++) indices[starts[i] + j] = j;
  }
  return { columns, starts, indices, values };
}

/** Keeps the kernel of notes that are alike from being singular; far below any penalty used here. */
const jitter = 1e-8;

export interface KernelSplit {
  /** Rows of the kernel that are learned from, and those that are predicted. */
  readonly train: readonly number[];
  readonly test: readonly number[];
}

/**
 * Softmax regression with the penalty l2 ‖W‖²/2 on the features whose inner products `kernel` holds. The same minimum as
 * `trainLogistic` on the features themselves.
 *
 * @param targets [train][classes], as `trainLogistic` takes them for the link
 * @returns scores before the link, [test][classes]
 */
export function kernelLogistic(
  kernel: readonly Float64Array[],
  { train, test }: KernelSplit,
  targets: readonly ArrayLike<number>[],
  l2: number,
  link: Link = "softmax",
): Float64Array[] {
  const lower = cholesky(pick(kernel, train, train), jitter);
  const model: LinearModel = trainLogistic(denseRows(lower, train.length), targets, { link, l2 });
  const rotated = pick(kernel, test, train).map((row) => solveLower(lower, row));
  return linearScores(model, denseRows(rotated, train.length));
}

/** Ridge regression about the mean: [test][outputs]. */
export function kernelRidge(
  kernel: readonly Float64Array[],
  { train, test }: KernelSplit,
  targets: readonly ArrayLike<number>[],
  ridge: number,
): Float64Array[] {
  const outputs = targets[0].length;
  const lower = cholesky(pick(kernel, train, train), ridge);
  const means = Float64Array.from({ length: outputs }, (_, c) => {
    return targets.reduce((sum, target) => sum + target[c], 0) / targets.length;
  });
  // (L Lᵀ)⁻¹ (Y − mean), seen from a test row k: (L⁻¹ k) · (L⁻¹ (Y − mean)).
  const solved = Array.from(means, (mean, c) =>
    solveLower(
      lower,
      targets.map((target) => target[c] - mean),
    ),
  );
  return pick(kernel, test, train).map((row) => {
    const half = solveLower(lower, row);
    return means.map((mean, c) => mean + half.reduce((sum, value, k) => sum + value * solved[c][k], 0));
  });
}
