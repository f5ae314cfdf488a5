import type { KernelTable } from "./parameter.ts";

/**
 * Matrices in e4m3 with f32 scales (fp8-layout.ts), as DeepSeek-V3 and Kimi K2 publish them. A backend may lack them, see `Backend.fp8`;
 * one that has them takes fp8e4m3 for what `fp8Operands` names: of gemm one matrix, transposed and dense, of groupedGemm a transposed one. Legend and conventions: index.ts.
 *
 * Quantizing, bit for bit: a block's largest finite magnitude m gives the scale s = max(f32(m / 448), 2⁻¹²⁶), or 1 where m is 0; a code is
 * f32(x / s) rounded to the nearest e4m3, ties to even, ±448 at most; what is not finite becomes NaN, and does not count for the scale.
 */
export const fp8Kernels = {
  /**
   * Quantizes x [rows, columns] in blocks of 128 × 128 into rows firstRow … of matrix `matrix` of y [E, matrixRows, columns]. firstRow is a
   * multiple of 128, and so is `rows` unless the matrix ends with them.
   */
  quantizeBlocks: {
    x: "in",
    y: "inout",
    rows: "int",
    columns: "int",
    firstRow: "int",
    matrix: "int",
    matrixRows: "int",
  },
  /**
   * The same place filled from a checkpoint: codes i32 [⌈rows · columns / 4⌉], four to a word, the first in the lowest byte; scales
   * [⌈rows / 128⌉, ⌈columns / 128⌉].
   */
  storeBlocks: {
    codes: "in",
    scales: "in",
    y: "inout",
    rows: "int",
    columns: "int",
    firstRow: "int",
    matrix: "int",
    matrixRows: "int",
  },
  /** y [matrices, rows, columns] = code · scale, rounded to y's type (bf16 by way of f32). */
  dequantizeBlocks: { x: "in", y: "out", matrices: "int", rows: "int", columns: "int" },
} as const satisfies KernelTable;
