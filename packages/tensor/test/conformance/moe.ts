import { uniform } from "@baltoro/tensor";
import type { Cases } from "./case.ts";
import { choices, integers, positive, random, zeros } from "./draw.ts";

export const moeCases: Cases<keyof typeof import("../../src/kernels/moe.ts").moeKernels> = {
  routeForward: () =>
    [0, 1].map((normalize) => ({
      args: {
        logits: random(11 * 7),
        bias: random(7, 0.3),
        scores: zeros(11 * 7),
        indices: new Int32Array(33),
        weights: zeros(33),
        loads: positive(7),
        rows: 11,
        experts: 7,
        k: 3,
        normalize,
        scaling: 2.5,
      },
    })),
  routeBackward: () =>
    [0, 1].flatMap((normalize) =>
      [0, 1].map((accumulate) => ({
        args: {
          dweights: random(33),
          scores: uniform(3, 3, 77),
          indices: choices(11, 7, 3).indices,
          dlogits: random(77),
          rows: 11,
          experts: 7,
          k: 3,
          normalize,
          scaling: 2.5,
          accumulate,
        },
      })),
    ),
  sortByExpert: () => [
    {
      args: {
        indices: integers(40, 6),
        offsets: new Int32Array(7),
        order: new Int32Array(40),
        inverse: new Int32Array(40),
        n: 40,
        experts: 6,
      },
    },
  ],
  permute: () => [
    { args: { x: random(11 * 9), order: choices(11, 7, 3).order, y: zeros(33 * 9), n: 33, dim: 9, k: 3 } },
  ],
  permuteBackward: () =>
    [0, 1].map((accumulate) => ({
      args: {
        dy: random(33 * 9),
        inverse: choices(11, 7, 3).inverse,
        dx: random(11 * 9),
        rows: 11,
        dim: 9,
        k: 3,
        accumulate,
      },
    })),
  unpermute: () =>
    [0, 1].map((accumulate) => ({
      args: {
        y: random(33 * 9),
        weights: random(33),
        inverse: choices(11, 7, 3).inverse,
        out: random(11 * 9),
        rows: 11,
        dim: 9,
        k: 3,
        accumulate,
      },
    })),
  unpermuteBackward: () => [
    {
      args: {
        dout: random(11 * 9),
        y: random(33 * 9),
        weights: random(33),
        inverse: choices(11, 7, 3).inverse,
        dy: zeros(33 * 9),
        dweights: zeros(33),
        rows: 11,
        dim: 9,
        k: 3,
      },
    },
  ],
  balanceBias: () => [
    { args: { bias: random(7, 0.1), loads: Float32Array.from([3, 0, 9, 4, 4, 4, 4]), experts: 7, rate: 1e-3 } },
  ],
};
