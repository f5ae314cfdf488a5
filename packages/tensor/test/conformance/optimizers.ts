import type { Cases } from "./case.ts";
import { positive, random, zeros } from "./draw.ts";

export const optimizerCases: Cases<keyof typeof import("../../src/kernels/optimizers.ts").optimizerKernels> = {
  adamw: () =>
    [1, 38].map((n) => ({
      args: {
        w: random(n),
        g: random(n),
        m: random(n),
        v: positive(n),
        hyper: Float32Array.from([0.01, 0.1, 0.9, 0.95, 0.3, 0.2, 1e-8, 0.5]),
        clip: Float32Array.from([0.7]),
        n,
        decay: 1,
      },
    })),
  muonMomentum: () =>
    [0, 1].map((nesterov) => ({
      args: {
        g: random(37),
        momentum: random(37),
        out: zeros(37),
        hyper: Float32Array.from([0.01, 0.1, 0.95, 0.5]),
        clip: Float32Array.from([0.7]),
        n: 37,
        nesterov,
      },
    })),
  normalizeFrobenius: () => [{ args: { x: random(3 * 37), batch: 3, n: 37, safety: 1.02, eps: 1e-7 } }],
  muonUpdate: () => [
    { args: { w: random(37), o: random(37), hyper: Float32Array.from([0.01, 0.1, 0.95, 0.5]), n: 37, scale: 2 } },
  ],
  clipFactor: () =>
    [0, 1].map((maxNorm) => ({
      args: { normSquared: Float32Array.from([9]), clip: zeros(1), norm: zeros(1), gradScale: 0.5, maxNorm },
    })),
  qkClip: () =>
    [0, 1].map((power) => ({
      args: {
        w: random(3 * 5 * 7),
        maxLogits: Float32Array.from([50, 200, 101]),
        heads: 3,
        rowsPerHead: 5,
        start: 1,
        count: 3,
        columns: 7,
        tau: 100,
        power,
      },
    })),
};
