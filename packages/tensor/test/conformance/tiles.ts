import type { tileKernels } from "../../src/kernels/tiles.ts";
import type { Case, Cases } from "./case.ts";
import { integers, positive } from "./draw.ts";
import { difficultValues } from "./fp8-cases.ts";

const shapes = [
  [1, 4],
  [5, 128],
  [7, 300],
  [130, 512],
] as const;

const tilesOf = (rows: number, columns: number) => Math.ceil(columns / 128) * rows;

/** A kernel's result is exact: both devices give the same bits. */
export const tileCases: Cases<keyof typeof tileKernels> = {
  quantizeTiles: () =>
    shapes.map(
      ([rows, columns]): Case => ({
        args: {
          x: difficultValues(rows, columns),
          codes: new Int32Array((rows * columns) / 4),
          scales: new Float32Array(tilesOf(rows, columns)),
          rows,
          columns,
        },
      }),
    ),
  dequantizeTiles: () =>
    shapes.map(
      ([rows, columns]): Case => ({
        args: {
          // Every code, NaN too.
          codes: new Int32Array(Uint8Array.from(integers(rows * columns, 256)).buffer),
          scales: positive(tilesOf(rows, columns)),
          y: new Float32Array(rows * columns),
          rows,
          columns,
        },
      }),
    ),
};
