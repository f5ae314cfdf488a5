import type { Cases } from "./case.ts";
import { positive, random, zeros } from "./draw.ts";

export const normCases: Cases<keyof typeof import("../../src/kernels/norms.ts").normKernels> = {
  rmsNormForward: () =>
    [
      [1, 1],
      [5, 37],
      [3, 64],
    ].map(([rows, dim]) => ({
      args: {
        x: random(rows * dim),
        weight: random(dim),
        y: zeros(rows * dim),
        rstd: zeros(rows),
        rows,
        dim,
        eps: 1e-6,
      },
    })),
  rmsNormBackward: () =>
    [
      [1, 1],
      [5, 37],
      [9, 64],
    ].flatMap(([rows, dim]) =>
      [0, 1].map((add) => ({
        args: {
          dy: random(rows * dim),
          x: random(rows * dim),
          weight: random(dim),
          rstd: positive(rows),
          dx: random(rows * dim),
          dweight: random(dim),
          rows,
          dim,
          accumulateX: add,
          accumulateWeight: add,
        },
      })),
    ),
  layerNormForward: () =>
    [
      [1, 1],
      [5, 37],
    ].map(([rows, dim]) => ({
      args: {
        x: random(rows * dim),
        weight: random(dim),
        bias: random(dim),
        y: zeros(rows * dim),
        mean: zeros(rows),
        rstd: zeros(rows),
        rows,
        dim,
        eps: 1e-2,
      },
    })),
  layerNormBackward: () =>
    [
      [2, 3],
      [5, 37],
    ].flatMap(([rows, dim]) =>
      [0, 1].map((add) => ({
        args: {
          dy: random(rows * dim),
          x: random(rows * dim),
          weight: random(dim),
          mean: random(rows, 0.1),
          rstd: positive(rows),
          dx: random(rows * dim),
          dweight: random(dim),
          dbias: random(dim),
          rows,
          dim,
          accumulateX: add,
          accumulateWeight: add,
          accumulateBias: add,
        },
      })),
    ),
};
