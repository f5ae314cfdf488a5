import type { KernelTable } from "./parameter.ts";

/** Normalization. Legend and conventions: index.ts. */
export const normKernels = {
  /** y = x · rstd · weight, rstd = 1/√(mean(x²) + eps). x, y [rows, dim]; weight [dim]; rstd [rows]. */
  rmsNormForward: { x: "in", weight: "in", y: "out", rstd: "out", rows: "int", dim: "int", eps: "float" },
  /** dx [rows, dim] (null to skip) and dweight [dim] (null to skip), each with its own accumulate flag. */
  rmsNormBackward: {
    dy: "in",
    x: "in",
    weight: "in",
    rstd: "in",
    dx: "inout?",
    dweight: "inout?",
    rows: "int",
    dim: "int",
    accumulateX: "int",
    accumulateWeight: "int",
  },
  /** y = (x − mean) · rstd · weight + bias. mean, rstd [rows]; bias may be null. */
  layerNormForward: {
    x: "in",
    weight: "in",
    bias: "in?",
    y: "out",
    mean: "out",
    rstd: "out",
    rows: "int",
    dim: "int",
    eps: "float",
  },
  layerNormBackward: {
    dy: "in",
    x: "in",
    weight: "in",
    mean: "in",
    rstd: "in",
    dx: "inout?",
    dweight: "inout?",
    dbias: "inout?",
    rows: "int",
    dim: "int",
    accumulateX: "int",
    accumulateWeight: "int",
    accumulateBias: "int",
  },
} as const satisfies KernelTable;
