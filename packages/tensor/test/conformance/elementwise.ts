import { binaryOps, unaryOps } from "@baltoro/tensor";
import type { Cases } from "./case.ts";
import { positive, random, zeros } from "./draw.ts";

export const elementwiseCases: Cases<keyof typeof import("../../src/kernels/elementwise.ts").elementwiseKernels> = {
  swigluForward: () => [1, 3, 100].map((n) => ({ args: { gate: random(n, 3), up: random(n), y: zeros(n), n } })),
  swigluBackward: () =>
    [1, 3, 100].map((n) => ({
      args: { dy: random(n), gate: random(n, 3), up: random(n), dgate: zeros(n), dup: zeros(n), n },
    })),
  unary: () => unaryOps.map((_, op) => ({ args: { x: positive(37), y: zeros(37), n: 37, op } })),
  unaryBackward: () =>
    unaryOps.flatMap((_, op) =>
      [0, 1].map((accumulate) => ({
        args: { dy: random(37), x: positive(37), y: positive(37), dx: random(37), n: 37, op, accumulate },
      })),
    ),
  binary: () =>
    binaryOps.flatMap((_, op) =>
      [
        [1, 1, 1, 1],
        [1, 0, 0, 1],
        [0, 1, 1, 0],
      ].map(([ar, ac, br, bc]) => ({
        args: {
          a: positive(5 * 13),
          b: positive(5 * 13),
          y: zeros(5 * 13),
          rows: 5,
          columns: 13,
          aRow: ar * 13,
          aColumn: ac,
          bRow: br * 13,
          bColumn: bc,
          op,
        },
      })),
    ),
  axpby: () =>
    [0, 1, 0.5].flatMap((beta) =>
      [1, 8, 101].map((n) => ({ args: { x: random(n), y: random(n), n, alpha: 1.5, beta } })),
    ),
  scaleByScalar: () =>
    [0, 1].map((accumulate) => ({
      args: { x: random(39), scalar: random(1), y: random(39), n: 39, alpha: 2, accumulate },
    })),
  fill: () => [1, 35].map((n) => ({ args: { y: zeros(n), n, value: -0.75 } })),
  fillInt: () => [1, 35].map((n) => ({ args: { y: new Int32Array(n), n, value: -3 } })),
  copy3d: () =>
    [0, 1].flatMap((accumulate) => [
      {
        args: {
          src: random(2 * 3 * 5),
          dst: random(2 * 4 * 9),
          n0: 2,
          n1: 3,
          n2: 5,
          srcOffset: 0,
          src0: 15,
          src1: 5,
          dstOffset: 2,
          dst0: 36,
          dst1: 9,
          accumulate,
        },
      },
      {
        args: {
          src: random(40),
          dst: random(40),
          n0: 1,
          n1: 1,
          n2: 37,
          srcOffset: 1,
          src0: 0,
          src1: 0,
          dstOffset: 3,
          dst0: 0,
          dst1: 0,
          accumulate,
        },
      },
    ]),
  castF32ToBf16: () => [],
  castBf16ToF32: () => [],
};
