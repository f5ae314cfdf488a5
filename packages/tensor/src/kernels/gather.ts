import type { KernelTable } from "./parameter.ts";

/** Embedding and gather. Legend and conventions: index.ts. */
export const gatherKernels = {
  /** y[r] = table[ids[r]]. table [V, dim]; ids i32 [rows]. An id outside 0 … V−1 gives zeros. */
  gatherRows: { table: "in", ids: "in", y: "out", rows: "int", dim: "int", vocab: "int" },
  /** dtable[ids[r]] += dy[r], in the order of the rows. Ids outside the table are skipped. */
  scatterAddRows: { dy: "in", ids: "in", dtable: "inout", rows: "int", dim: "int", vocab: "int" },
  /** y[r, j] = x[r, index[r, j]]. x [rows, columns]; index i32, y [rows, k]. */
  gatherColumns: { x: "in", index: "in", y: "out", rows: "int", columns: "int", k: "int" },
  /** dx[r, index[r, j]] += dy[r, j]. */
  scatterAddColumns: { dy: "in", index: "in", dx: "inout", rows: "int", columns: "int", k: "int" },
} as const satisfies KernelTable;
