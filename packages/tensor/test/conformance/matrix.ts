import type { Case, Cases } from "./case.ts";
import { random, zeros } from "./draw.ts";

function gemmCase(
  m: number,
  n: number,
  k: number,
  options: {
    batch?: number;
    transposeA?: number;
    transposeB?: number;
    alpha?: number;
    beta?: number;
    bias?: boolean;
    symmetric?: boolean;
  } = {},
): Case {
  const { batch = 1, transposeA = 0, transposeB = 0, alpha = 1, beta = 0, bias = false, symmetric = false } = options;
  const a = random(Math.max(batch * m * k, 1));
  return {
    args: {
      a,
      b: symmetric ? a : random(Math.max(batch * k * n, 1)),
      c: beta ? (symmetric ? zeros(batch * m * n).fill(0.5) : random(batch * m * n)) : null,
      bias: bias ? random(n) : null,
      d: random(Math.max(batch * m * n, 1)),
      batch,
      m,
      n,
      k,
      lda: transposeA ? m : k,
      ldb: transposeB ? k : n,
      ldc: n,
      ldd: n,
      strideA: m * k,
      strideB: k * n,
      strideC: m * n,
      strideD: m * n,
      transposeA,
      transposeB,
      alpha,
      beta,
      symmetric: symmetric ? 1 : 0,
    },
  };
}

/** Offsets of experts with so many rows each. */
export function offsetsOf(loads: readonly number[]): Int32Array {
  return Int32Array.from([0, ...loads.map((_, e) => loads.slice(0, e + 1).reduce((sum, load) => sum + load, 0))]);
}

export const matrixCases: Cases<keyof typeof import("../../src/kernels/matrix.ts").matrixKernels> = {
  gemm: () => [
    ...[
      [1, 1, 1],
      [7, 9, 5],
      [6, 16, 4],
      [37, 41, 257],
      [3, 50, 31],
      [130, 70, 300],
      [1, 33, 64],
      [4, 21, 19],
      [200, 5, 3],
    ].flatMap(([m, n, k]) =>
      [0, 1].flatMap((transposeA) => [0, 1].map((transposeB) => gemmCase(m, n, k, { transposeA, transposeB }))),
    ),
    gemmCase(5, 6, 0, { bias: true }),
    gemmCase(0, 6, 3),
    gemmCase(4, 0, 3),
    gemmCase(13, 17, 8, { alpha: 0.5, beta: 2, bias: true, batch: 3 }),
    gemmCase(2, 40, 24, { transposeB: 1, alpha: -1.5, beta: 0.5, bias: true }),
    gemmCase(9, 9, 20, { batch: 2, beta: 1, alpha: 2 }),
    gemmCase(50, 50, 33, { symmetric: true, transposeB: 1, beta: 0.7 }),
    gemmCase(131, 131, 20, { symmetric: true, transposeB: 1 }),
    gemmCase(31, 31, 12, { symmetric: true, transposeB: 1, batch: 5, beta: 1 }),
  ],
  groupedGemm: () =>
    [0, 1].flatMap((transposeW) =>
      [
        [3, 0, 7, 1],
        [20, 31, 9, 60],
        [0, 0, 0, 2],
      ].flatMap((loads) => {
        const rows = loads.reduce((sum, load) => sum + load, 0);
        return [0, 1].map((accumulate) => ({
          args: {
            x: random(rows * 19),
            w: random(4 * 37 * 19),
            y: random(rows * 37),
            offsets: offsetsOf(loads),
            rows,
            experts: 4,
            n: 37,
            k: 19,
            transposeW,
            accumulate,
          },
        }));
      }),
    ),
  groupedGemmWeightGrad: () =>
    [
      [3, 0, 7, 1],
      [20, 31, 9, 60],
    ].flatMap((loads) => {
      const rows = loads.reduce((sum, load) => sum + load, 0);
      return [0, 1].map((accumulate) => ({
        args: {
          dy: random(rows * 53),
          x: random(rows * 19),
          dw: random(4 * 53 * 19),
          offsets: offsetsOf(loads),
          rows,
          experts: 4,
          n: 53,
          k: 19,
          accumulate,
        },
      }));
    }),
};
