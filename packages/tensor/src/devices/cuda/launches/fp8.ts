import { fp8Block } from "../../../fp8-layout.ts";
import type { Fp8KernelName } from "../../../kernels/index.ts";
import type { tileKernels } from "../../../kernels/tiles.ts";
import { byTable, gridOf, type Launches } from "./launch.ts";

const blocks = (n: number) => Math.ceil(n / fp8Block);

export const fp8Launches: Launches<Fp8KernelName | keyof typeof tileKernels> = {
  quantizeBlocks: byTable("quantizeBlocks", "fp8", ({ rows, columns }) =>
    rows * columns === 0 ? [0] : [blocks(columns), blocks(rows)],
  ),
  storeBlocks: byTable("storeBlocks", "fp8", ({ rows, columns }) => gridOf(Math.ceil((rows * columns) / 4))),
  dequantizeBlocks: byTable("dequantizeBlocks", "fp8", ({ matrices, rows, columns }) =>
    gridOf((matrices * rows * columns) / (columns % 8 === 0 ? 8 : 1)),
  ),
  quantizeTiles: byTable("quantizeTiles", "fp8", ({ rows, columns }) => [Math.ceil((rows * blocks(columns)) / 8)]),
  dequantizeTiles: byTable("dequantizeTiles", "fp8", ({ rows, columns }) =>
    gridOf((rows * columns) / (columns % 8 === 0 ? 8 : 4)),
  ),
};
