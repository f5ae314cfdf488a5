import type { KernelTable } from "./parameter.ts";

/** Mixture of experts. Legend and conventions: index.ts. */
export const moeKernels = {
  /**
   * Router of DeepSeek-V3 / K2: scores = sigmoid(logits) [T, E]; indices i32 [T, k] = top-k of scores + bias (ties: the
   * lower index; in descending order of the biased score); weights [T, k] = scores at the indices, divided by
   * (their sum + 1e-20) if `normalize`, times `scaling`. loads f32 [E] += rows per expert.
   */
  routeForward: {
    logits: "in",
    bias: "in",
    scores: "out",
    indices: "out",
    weights: "out",
    loads: "inout",
    rows: "int",
    experts: "int",
    k: "int",
    normalize: "int",
    scaling: "float",
  },
  /** dlogits [T, E] (+)= gradient through weights; zero for experts not chosen. */
  routeBackward: {
    dweights: "in",
    scores: "in",
    indices: "in",
    dlogits: "inout",
    rows: "int",
    experts: "int",
    k: "int",
    normalize: "int",
    scaling: "float",
    accumulate: "int",
  },
  /**
   * Stable counting sort of N = T·k choices by expert: offsets i32 [E + 1]; order i32 [N]: order[r] = choice (t·k + j)
   * at sorted row r; inverse i32 [N]: inverse[choice] = sorted row.
   */
  sortByExpert: { indices: "in", offsets: "out", order: "out", inverse: "out", n: "int", experts: "int" },
  /** y[r] = x[order[r] / k], r < N. x [T, dim], y [N, dim]. */
  permute: { x: "in", order: "in", y: "out", n: "int", dim: "int", k: "int" },
  /** dx[t] (+)= Σ_j dy[inverse[t·k + j]]. */
  permuteBackward: { dy: "in", inverse: "in", dx: "inout", rows: "int", dim: "int", k: "int", accumulate: "int" },
  /** out[t] (+)= Σ_j weights[t, j] · y[inverse[t·k + j]]. out [T, dim]. */
  unpermute: {
    y: "in",
    weights: "in",
    inverse: "in",
    out: "inout",
    rows: "int",
    dim: "int",
    k: "int",
    accumulate: "int",
  },
  /** dy[inverse[c]] = weights[c] · dout[c / k] and dweights[c] = dout[c / k] · y[inverse[c]], for c < T·k. */
  unpermuteBackward: {
    dout: "in",
    y: "in",
    weights: "in",
    inverse: "in",
    dy: "out",
    dweights: "out",
    rows: "int",
    dim: "int",
    k: "int",
  },
  /** bias += delta, delta = rate · sign(mean(loads) − loads), minus its mean; then loads = 0. Both [E]. */
  balanceBias: { bias: "inout", loads: "inout", experts: "int", rate: "float" },
} as const satisfies KernelTable;
