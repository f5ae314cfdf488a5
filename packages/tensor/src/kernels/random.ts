import type { KernelTable } from "./parameter.ts";

/** Random numbers. Legend and conventions: index.ts. */
export const randomKernels = {
  /**
   * Philox4x32-10 (Salmon et al. 2011). state i32 [4]: key (low, high), counter words 2 and 3. Element i uses word i % 4 of
   * block i / 4 + offset (counter words 0 and 1, 64-bit: offset·2^0 in word 0, `stream` in word 1).
   * y[i] = (word >>> 8) · 2⁻²⁴.
   */
  randomUniform: { state: "in", y: "out", n: "int", stream: "int" },
  /** y (+)= x · (u ≥ p) / (1 − p) with u as in randomUniform. The backward pass is the same kernel on dy. */
  dropout: { x: "in", state: "in", y: "inout", n: "int", stream: "int", p: "float", accumulate: "int" },
} as const satisfies KernelTable;
