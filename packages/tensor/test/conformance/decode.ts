import type { Cases } from "./case.ts";
import { integers, positive, random, zeros } from "./draw.ts";

export const decodeCases: Cases<keyof typeof import("../../src/kernels/decode.ts").decodeKernels> = {
  normProducts: () =>
    [
      { rows: 1, dim: 40, n: [16, 24, 8] },
      { rows: 3, dim: 264, n: [8, 0, 0] },
      { rows: 8, dim: 2048, n: [24, 40, 0] },
    ].map(({ rows, dim, n: [n0, n1, n2] }) => ({
      args: {
        x: random(rows * dim),
        weight: positive(dim),
        normed: n2 > 0 || rows === 8 ? zeros(rows * dim) : null,
        w0: random(n0 * dim),
        w1: n1 > 0 ? random(n1 * dim) : null,
        w2: n2 > 0 ? random(n2 * dim) : null,
        y0: zeros(rows * n0),
        y1: n1 > 0 ? zeros(rows * n1) : null,
        y2: n2 > 0 ? zeros(rows * n2) : null,
        ...{ rows, dim, n0, n1, n2, eps: 1e-5 },
      },
    })),
  latentInputs: () =>
    [
      { rows: 2, heads: 3, nope: 8, latent: 16, ropeDim: 8 },
      { rows: 5, heads: 2, nope: 128, latent: 512, ropeDim: 64 },
      { rows: 1, heads: 1, nope: 264, latent: 40, ropeDim: 16 },
    ].map(({ rows, heads, nope, latent, ropeDim }) => ({
      args: {
        q: random(rows * heads * (nope + ropeDim)),
        kv: random(rows * (latent + ropeDim)),
        norm: positive(latent),
        keys: random(heads * latent * nope),
        positions: integers(rows, 9),
        cos: random((9 * ropeDim) / 2),
        sin: random((9 * ropeDim) / 2),
        slots: Int32Array.from({ length: rows }, (_, i) => (i === 1 ? -1 : 6 - i)),
        absorbed: zeros(rows * heads * (latent + ropeDim)),
        cache: random(7 * (latent + ropeDim)),
        ...{ rows, heads, nope, latent, ropeDim, slotCount: 7, eps: 1e-6 },
      },
    })),
  pagedLatentValues: () =>
    [
      { rows: 3, heads: 2, latent: 16, ropeDim: 8, valueDim: 8, blockSize: 4, lengths: [1, 0, 19] },
      { rows: 1, heads: 17, latent: 128, ropeDim: 16, valueDim: 24, blockSize: 16, lengths: [300] },
    ].map(({ rows, heads, latent, ropeDim, valueDim, blockSize, lengths }) => {
      const maxBlocks = Math.ceil(Math.max(...lengths) / blockSize) + 1;
      return {
        args: {
          q: random(rows * heads * (latent + ropeDim)),
          cache: random((maxBlocks + 3) * blockSize * (latent + ropeDim)),
          blockTables: integers(2 * maxBlocks, maxBlocks + 3),
          rowSequence: Int32Array.from({ length: rows }, (_, i) => i % 2),
          contextLengths: Int32Array.from(lengths),
          values: random(heads * valueDim * latent),
          out: zeros(rows * heads * valueDim),
          ...{ rows, heads, latent, ropeDim, valueDim, blockSize, maxBlocks, scale: 0.2 },
        },
      };
    }),
  routedGates: () =>
    [
      { rows: 1, experts: 64, k: 6, n: 24, dim: 264, normalize: 1 },
      { rows: 3, experts: 5, k: 2, n: 8, dim: 16, normalize: 0 },
      { rows: 2, experts: 384, k: 8, n: 16, dim: 40, normalize: 1 },
    ].map(({ rows, experts, k, n, dim, normalize }) => ({
      args: {
        x: random(rows * dim),
        logits: random(rows * experts),
        bias: random(experts, 0.1),
        gate: random(experts * n * dim, 0.2),
        up: random(experts * n * dim, 0.2),
        indices: new Int32Array(rows * k),
        weights: zeros(rows * k),
        loads: zeros(experts).fill(1),
        y: zeros(rows * k * n),
        ...{ rows, experts, k, n, dim, normalize, scaling: 2.5 },
      },
    })),
  downProducts: () =>
    [
      { rows: 1, dim: 40, k: 6, n: 264, m: 304 },
      { rows: 3, dim: 16, k: 0, n: 0, m: 24 },
      { rows: 8, dim: 24, k: 2, n: 8, m: 8 },
    ].map(({ rows, dim, k, n, m }) => ({
      args: {
        residual: random(rows * dim),
        y: k > 0 ? random(rows * k * n) : null,
        indices: k > 0 ? integers(rows * k, 9) : null,
        weights: k > 0 ? positive(rows * k) : null,
        down: k > 0 ? random(9 * dim * n) : null,
        gate: random(rows * m),
        up: random(rows * m),
        sharedDown: random(dim * m),
        out: zeros(rows * dim),
        ...{ rows, dim, k, n, m },
      },
    })),
};
