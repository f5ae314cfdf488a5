import { uniform } from "@baltoro/tensor";
import type { Cases } from "./case.ts";
import { random, zeros } from "./draw.ts";

export const lossCases: Cases<keyof typeof import("../../src/kernels/losses.ts").lossKernels> = {
  countTargets: () => [
    { args: { targets: Int32Array.from([1, -1, 3, -1, 0]), count: zeros(1), inverse: zeros(1), n: 5, ignore: -1 } },
    { args: { targets: Int32Array.from([-1]), count: zeros(1), inverse: zeros(1), n: 1, ignore: -1 } },
  ],
  crossEntropy: () =>
    [37, 72].flatMap((vocab) =>
      [0, 0.1].flatMap((zLoss) =>
        [null, random(5 * vocab)].map((dx) => ({
          args: {
            x: random(5 * vocab, 4),
            targets: Int32Array.from([0, 36, -1, 5, 5]),
            loss: zeros(5),
            dx,
            rows: 5,
            vocab,
            ignore: -1,
            zLoss,
          },
        })),
      ),
    ),
  bceForward: () => [{ args: { x: random(37, 5), target: uniform(1, 1, 37), loss: zeros(37), n: 37 } }],
  bceBackward: () =>
    [0, 1].map((accumulate) => ({
      args: { dy: random(37), x: random(37, 5), target: uniform(1, 1, 37), dx: random(37), n: 37, accumulate },
    })),
};
