/**
 * Coefficients x that minimize Σ w·(A·x − y)², by normal equations with columns scaled to one: for a handful of columns.
 *
 * @param rows - Rows of A.
 * @throws RangeError where there are fewer rows than columns, or where columns depend on each other.
 */
export function leastSquares(
  rows: readonly (readonly number[])[],
  y: readonly number[],
  weights?: readonly number[],
): number[] {
  const columns = rows[0]?.length ?? 0;
  if (rows.length < columns || columns === 0) {
    throw new RangeError(`${rows.length} measurements cannot determine ${columns} coefficients`);
  }
  const scale = Array.from({ length: columns }, (_, c) => Math.max(...rows.map((row) => Math.abs(row[c]))) || 1);
  const normal = Array.from({ length: columns }, () => new Float64Array(columns + 1));
  for (const [r, row] of rows.entries()) {
    const w = weights?.[r] ?? 1;
    for (let i = 0; i < columns; i++) {
      const xi = (w * row[i]) / scale[i];
      for (let j = 0; j < columns; j++) normal[i][j] += xi * (row[j] / scale[j]);
      normal[i][columns] += xi * y[r];
    }
  }
  return solve(normal).map((value, c) => value / scale[c]);
}

/** Gaussian elimination with partial pivoting on an augmented matrix. */
function solve(matrix: Float64Array[]): number[] {
  const n = matrix.length;
  const largest = Math.max(...matrix.map((row) => Math.max(...row.subarray(0, n).map(Math.abs))));
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let r = column + 1; r < n; r++) if (Math.abs(matrix[r][column]) > Math.abs(matrix[pivot][column])) pivot = r;
    if (!(Math.abs(matrix[pivot][column]) > 1e-12 * largest)) {
      throw new RangeError(`the measurements do not determine coefficient ${column}: vary what it multiplies`);
    }
    [matrix[column], matrix[pivot]] = [matrix[pivot], matrix[column]];
    for (let r = 0; r < n; r++) {
      if (r === column) continue;
      const factor = matrix[r][column] / matrix[column][column];
      for (let c = column; c <= n; c++) matrix[r][c] -= factor * matrix[column][c];
    }
  }
  return matrix.map((row, i) => row[n] / row[i]);
}
