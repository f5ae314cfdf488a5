import type { KernelTable } from "./parameter.ts";

/** Reductions and softmax. Legend and conventions: index.ts. */
export const reductionKernels = {
  /** y[o, i] (+)= reduction over a of x[o, a, i]; `op` is an index into `reduceOps`. accumulate for sums only. */
  reduce: { x: "in", y: "inout", outer: "int", axis: "int", inner: "int", op: "int", accumulate: "int" },
  /** y[0] (+)= Σ x² over n elements, in an order that does not depend on the thread count. `partials` f32 [256] is workspace. */
  sumSquares: { x: "in", partials: "out", y: "inout", n: "int", accumulate: "int" },
  softmaxForward: { x: "in", y: "out", rows: "int", columns: "int" },
  softmaxBackward: { dy: "in", y: "in", dx: "inout", rows: "int", columns: "int", accumulate: "int" },
} as const satisfies KernelTable;
