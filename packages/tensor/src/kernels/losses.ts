import type { KernelTable } from "./parameter.ts";

/** Losses. Legend and conventions: index.ts. */
export const lossKernels = {
  /** count[0] = number of targets that are not `ignore`, as f32, and inverse[0] = 1 / max(count, 1). */
  countTargets: { targets: "in", count: "out", inverse: "out", n: "int", ignore: "int" },
  /**
   * Softmax cross-entropy: loss[r] = lse − x[t] + zLoss · lse² (0 if ignored), and dx [rows, V], which may be x, is dloss/dx (0 if
   * ignored), not yet divided by the count. x [rows, V]; targets i32 [rows].
   */
  crossEntropy: {
    x: "in",
    targets: "in",
    loss: "out",
    dx: "out?",
    rows: "int",
    vocab: "int",
    ignore: "int",
    zLoss: "float",
  },
  /** loss = max(x, 0) − x·t + log(1 + exp(−|x|)), n elements. */
  bceForward: { x: "in", target: "in", loss: "out", n: "int" },
  /** dx (+)= dy · (sigmoid(x) − t). */
  bceBackward: { dy: "in", x: "in", target: "in", dx: "inout", n: "int", accumulate: "int" },
} as const satisfies KernelTable;
