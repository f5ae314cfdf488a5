import type { KernelTable } from "./parameter.ts";

/** Optimizers. Hyper-parameters are device buffers. Legend and conventions: index.ts. */
export const optimizerKernels = {
  /**
   * hyper f32 [8]: learning rate, weight decay, β1, β2, 1 − β1ᵗ, 1 − β2ᵗ, eps, gradient scale. g is read as
   * g · hyper[7] · clip[0]. w −= lr · (m̂ / (√v̂ + eps) + weightDecay · w).
   */
  adamw: { w: "inout", g: "in", m: "inout", v: "inout", hyper: "in", clip: "in", n: "int", decay: "int" },
  /**
   * hyper f32 [4]: learning rate, weight decay, momentum, gradient scale. g' = g · hyper[3] · clip[0];
   * momentum = μ · momentum + g'; out = nesterov ? g' + μ · momentum : momentum.
   */
  muonMomentum: { g: "in", momentum: "inout", out: "out", hyper: "in", clip: "in", n: "int", nesterov: "int" },
  /** x[i] /= safety · ‖x[i]‖_F + eps, for i < batch; x [batch, n]. */
  normalizeFrobenius: { x: "inout", batch: "int", n: "int", safety: "float", eps: "float" },
  /** w −= lr · (scale · o + weightDecay · w), hyper as in muonMomentum. */
  muonUpdate: { w: "inout", o: "in", hyper: "in", n: "int", scale: "float" },
  /** clip[0] = min(1, maxNorm / (norm[0] + 1e-6)); maxNorm 0: clip[0] = 1. norm[0] = √normSquared[0] · gradScale. */
  clipFactor: { normSquared: "in", clip: "out", norm: "out", gradScale: "float", maxNorm: "float" },
  /**
   * QK-Clip (K2 report, Algorithm 1): γ_h = min(1, tau / maxLogits[h]); rows
   * h·rowsPerHead + start … + count of w [H·rowsPerHead, columns] are multiplied by γ_h (power 1) or √γ_h (power 0).
   */
  qkClip: {
    w: "inout",
    maxLogits: "in",
    heads: "int",
    rowsPerHead: "int",
    start: "int",
    count: "int",
    columns: "int",
    tau: "float",
    power: "int",
  },
} as const satisfies KernelTable;
