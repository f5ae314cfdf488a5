import type { KernelTable } from "./parameter.ts";

/**
 * Activations in e4m3 by tiles of 1 × 128, a scale for each: how they are kept for the backward pass (K2 report, §2.4), and how products with
 * quantized weights take them. Rounding and scales: fp8.ts. Legend and conventions: index.ts.
 */
export const tileKernels = {
  /**
   * Quantizes x [rows, columns]: codes i32 [rows · columns / 4], four to a word, the first in the lowest byte; scales [⌈columns / 128⌉, rows], a
   * tile's number first. columns is a multiple of 4.
   */
  quantizeTiles: { x: "in", codes: "out", scales: "out", rows: "int", columns: "int" },
  /** y [rows, columns] = code · scale, rounded to y's type (bf16 by way of f32). */
  dequantizeTiles: { codes: "in", scales: "in", y: "out", rows: "int", columns: "int" },
} as const satisfies KernelTable;
