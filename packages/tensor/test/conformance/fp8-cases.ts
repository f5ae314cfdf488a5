import type { fp8Kernels } from "../../src/kernels/fp8.ts";
import type { Cases } from "./case.ts";
import { random } from "./draw.ts";

/** Values of all kinds that a quantizer meets: zeros, what is not finite, and what is too small for a normal scale. */
export function difficultValues(rows: number, columns: number): Float32Array {
  const values = random(rows * columns, 3);
  for (let i = 0; i < values.length; i++) {
    const [row, column] = [Math.floor(i / columns), i % columns];
    if (row % 5 === 1) values[i] *= 2 ** ((column % 40) - 30);
    if (row % 5 === 2) values[i] = 0;
    if (row % 5 === 3) values[i] *= 2 ** -130;
    if (row % 5 === 4 && column % 11 === 3) values[i] = [Number.NaN, Number.POSITIVE_INFINITY, -1 / 0, 3.4e38][i % 4];
  }
  return values;
}

/** The kernels on fp8e4m3 buffers have their cases in fp8.ts. */
export const fp8Cases: Cases<keyof typeof fp8Kernels> = {
  quantizeBlocks: () => [],
  storeBlocks: () => [],
  dequantizeBlocks: () => [],
};
