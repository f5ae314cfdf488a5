/** Rows of features, zeros left out (CSR). */
export interface SparseRows {
  readonly columns: number;
  /** Where each row begins in `indices`; one more than there are rows. */
  readonly starts: Int32Array;
  readonly indices: Int32Array;
  readonly values: Float64Array;
}

export type SparseRow = readonly (readonly [column: number, value: number])[];

export function sparseRows(rows: readonly SparseRow[], columns: number): SparseRows {
  const starts = new Int32Array(rows.length + 1);
  for (const [i, row] of rows.entries()) starts[i + 1] = starts[i] + row.length;
  const indices = new Int32Array(starts[rows.length]);
  const values = new Float64Array(starts[rows.length]);
  for (const [i, row] of rows.entries()) {
    for (const [j, [column, value]] of row.entries()) {
      indices[starts[i] + j] = column;
      values[starts[i] + j] = value;
    }
  }
  return { columns, starts, indices, values };
}

export function rowCount({ starts }: SparseRows): number {
  return starts.length - 1;
}

/** Features of several kinds of the same notes, side by side. */
export function besides(...parts: readonly SparseRows[]): SparseRows {
  const rows = rowCount(parts[0]);
  const starts = new Int32Array(rows + 1);
  const total = parts.reduce((sum, { indices }) => sum + indices.length, 0);
  const indices = new Int32Array(total);
  const values = new Float64Array(total);
  let at = 0;
  for (let i = 0; i < rows; i++) {
    let offset = 0;
    for (const part of parts) {
      for (let j = part.starts[i]; j < part.starts[i + 1]; j++) {
        indices[at] = part.indices[j] + offset;
        values[at++] = part.values[j];
      }
      offset += part.columns;
    }
    starts[i + 1] = at;
  }
  return { columns: parts.reduce((sum, { columns }) => sum + columns, 0), starts, indices, values };
}

export function pickRows({ columns, starts, indices, values }: SparseRows, chosen: readonly number[]): SparseRows {
  const own = new Int32Array(chosen.length + 1);
  for (const [i, row] of chosen.entries()) own[i + 1] = own[i] + starts[row + 1] - starts[row];
  const ownIndices = new Int32Array(own[chosen.length]);
  const ownValues = new Float64Array(own[chosen.length]);
  for (const [i, row] of chosen.entries()) {
    ownIndices.set(indices.subarray(starts[row], starts[row + 1]), own[i]);
    ownValues.set(values.subarray(starts[row], starts[row + 1]), own[i]);
  }
  return { columns, starts: own, indices: ownIndices, values: ownValues };
}
