import type { Cases } from "./case.ts";
import { random, zeros } from "./draw.ts";

export const randomCases: Cases<keyof typeof import("../../src/kernels/random.ts").randomKernels> = {
  randomUniform: () => [{ args: { state: Int32Array.from([1, 2, 3, 4]), y: zeros(41), n: 41, stream: 5 } }],
  dropout: () =>
    [0, 1].map((accumulate) => ({
      args: {
        x: random(41),
        state: Int32Array.from([1, 2, 3, 4]),
        y: random(41),
        n: 41,
        stream: 5,
        p: 0.3,
        accumulate,
      },
    })),
};
