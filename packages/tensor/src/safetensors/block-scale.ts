/**
 * Matrices in e4m3 with one f32 scale per block, as DeepSeek-V3 and Kimi K2 publish them (README_WEIGHTS.md of DeepSeek-V3):
 * W[i, j] = code[i, j] · scaleInv[⌊i / 128⌋, ⌊j / 128⌋], the last blocks of a row or column being smaller.
 * Everything here works on one row of blocks at a time, so that a matrix is never whole in memory.
 *
 * R rows of the block row (≤ block.rows) · C columns · B = ⌈C / block.columns⌉ blocks
 */
import { e4m3Values, scaleOf, toE4m3 } from "./float8.ts";

/** Rows and columns of one block. */
export interface BlockShape {
  readonly rows: number;
  readonly columns: number;
}

/** Shape of the scales of a matrix [out, in]. */
export function scaleShape(shape: readonly number[], block: BlockShape): [number, number] {
  return [Math.ceil(shape[0] / block.rows), Math.ceil(shape[1] / block.columns)];
}

/**
 * Quantizes a row of blocks: values f32 [R, C] → codes [R, C], scales [B]. A scale is the block's largest magnitude over 448, so that
 * the codes use the whole range; that of a block of zeros is 1.
 *
 * @throws RangeError at a value that is not finite, with its place [row, column] in the block row.
 */
export function quantizeBlockRow(
  values: Float32Array,
  columns: number,
  blockColumns: number,
  codes: Uint8Array,
  scales: Float32Array,
): void {
  const rows = columns === 0 ? 0 : values.length / columns;
  for (let first = 0, block = 0; first < columns; first += blockColumns, block++) {
    const end = Math.min(first + blockColumns, columns);
    let largest = 0;
    for (let row = 0; row < rows; row++) {
      for (let i = row * columns + first; i < row * columns + end; i++) {
        const size = Math.abs(values[i]);
        if (size > largest) largest = size;
        // NaN compares false with everything.
        if (!(size < Number.POSITIVE_INFINITY)) {
          throw new RangeError(`[${row}, ${i - row * columns}] is ${values[i]}, a block's scale needs finite values`);
        }
      }
    }
    const scale = scaleOf(largest);
    scales[block] = scale;
    for (let row = 0; row < rows; row++) {
      for (let i = row * columns + first; i < row * columns + end; i++) codes[i] = toE4m3(values[i] / scale);
    }
  }
}

/** The values of a row of blocks: codes [R, C], scales [B] → values f32 [R, C]. */
export function dequantizeBlockRow(
  codes: Uint8Array,
  columns: number,
  blockColumns: number,
  scales: Float32Array,
  values: Float32Array,
): void {
  const rows = columns === 0 ? 0 : codes.length / columns;
  for (let row = 0; row < rows; row++) {
    for (let first = 0, block = 0; first < columns; first += blockColumns, block++) {
      const scale = scales[block];
      const end = row * columns + Math.min(first + blockColumns, columns);
      for (let i = row * columns + first; i < end; i++) values[i] = e4m3Values[codes[i]] * scale;
    }
  }
}
