import { reduceOps } from "@baltoro/tensor";
import type { Cases } from "./case.ts";
import { positive, random, zeros } from "./draw.ts";

export const reductionCases: Cases<keyof typeof import("../../src/kernels/reductions.ts").reductionKernels> = {
  reduce: () =>
    reduceOps.flatMap((name, op) =>
      [
        [1, 7, 1],
        [3, 5, 4],
        [2, 33, 17],
        [4, 1, 1],
      ].flatMap(([outer, axis, inner]) =>
        (name === "sum" ? [0, 1] : [0]).map((accumulate) => ({
          args: { x: random(outer * axis * inner), y: random(outer * inner), outer, axis, inner, op, accumulate },
        })),
      ),
    ),
  sumSquares: () =>
    [1, 300, 5000].map((n) => ({
      args: { x: random(n), partials: zeros(256), y: Float32Array.from([2]), n, accumulate: 1 },
      compare: ["y"],
    })),
  softmaxForward: () =>
    [
      [1, 1],
      [5, 37],
    ].map(([rows, columns]) => ({ args: { x: random(rows * columns, 4), y: zeros(rows * columns), rows, columns } })),
  softmaxBackward: () =>
    [0, 1].map((accumulate) => ({
      args: { dy: random(5 * 37), y: positive(5 * 37), dx: random(5 * 37), rows: 5, columns: 37, accumulate },
    })),
};
