import type { Fp8KernelName } from "../../kernels/index.ts";
import { e4m3Values, scaleOf, toE4m3 } from "../../safetensors/float8.ts";
import type { Implementations, View } from "./view.ts";

const block = 128;

/** The finite values' largest magnitude. */
export function largestOf(x: View, rows: number, columns: number, row: number, column: number, height: number): number {
  let largest = 0;
  for (let r = row; r < Math.min(rows, row + height); r++) {
    for (let c = column; c < Math.min(columns, column + block); c++) {
      const size = Math.abs(Math.fround(x[r * columns + c]));
      if (Number.isFinite(size) && size > largest) largest = size;
    }
  }
  return largest;
}

/** Code of x over its scale; NaN where x is not finite. */
export function codeOf(x: number, scale: number): number {
  return toE4m3(Number.isFinite(x) ? Math.fround(Math.fround(x) / scale) : Number.NaN);
}

/** Here an fp8e4m3 buffer holds code · scale, in float64 exactly: products need not know of it. */
export const fp8Kernels: Implementations<Fp8KernelName> = {
  quantizeBlocks({ x, y, rows, columns, firstRow, matrix, matrixRows }) {
    const to = (matrix * matrixRows + firstRow) * columns;
    for (let row = 0; row < rows; row += block) {
      for (let column = 0; column < columns; column += block) {
        const scale = scaleOf(largestOf(x, rows, columns, row, column, block));
        for (let r = row; r < Math.min(rows, row + block); r++) {
          for (let c = column; c < Math.min(columns, column + block); c++) {
            y[to + r * columns + c] = e4m3Values[codeOf(x[r * columns + c], scale)] * scale;
          }
        }
      }
    }
  },
  storeBlocks({ codes, scales, y, rows, columns, firstRow, matrix, matrixRows }) {
    const to = (matrix * matrixRows + firstRow) * columns;
    const across = Math.ceil(columns / block);
    for (let i = 0; i < rows * columns; i++) {
      const code = (codes[i >> 2] >> ((i & 3) * 8)) & 0xff;
      const [row, column] = [Math.floor(i / columns), i % columns];
      y[to + i] = e4m3Values[code] * scales[Math.floor(row / block) * across + Math.floor(column / block)];
    }
  },
  dequantizeBlocks({ x, y, matrices, rows, columns }) {
    for (let i = 0; i < matrices * rows * columns; i++) y[i] = Math.fround(x[i]);
  },
};
