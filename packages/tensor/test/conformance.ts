/** Cases of every kernel on random shapes, and how a backend is compared with the float64 reference on them. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import {
  type Backend,
  type BufferHandle,
  binaryOps,
  fusedKernels,
  type KernelArguments,
  type KernelName,
  kernels,
  normal,
  openReferenceBackend,
  reduceOps,
  unaryOps,
  uniform,
} from "@baltoro/tensor";

type Values = Float32Array | Int32Array;
type Arguments = Readonly<Record<string, Values | number | null>>;

interface Case {
  readonly args: Arguments;
  /** Outputs to compare, by default every `out` and `inout`. */
  readonly compare?: readonly string[];
}

let seed = 0;
const random = (count: number, scale = 1): Float32Array => normal(7, seed++, count, scale);
const positive = (count: number): Float32Array => uniform(7, seed++, count).map((value) => 0.1 + value);
const integers = (count: number, below: number): Int32Array =>
  Int32Array.from(uniform(7, seed++, count), (value) => Math.floor(value * below));
const zeros = (count: number): Float32Array => new Float32Array(count);
/** Non-decreasing ids of documents of random lengths. */
function documentIds(batch: number, sequence: number): Int32Array {
  const starts = uniform(7, seed++, batch * sequence);
  const ids = new Int32Array(batch * sequence);
  for (let i = 0; i < ids.length; i++) ids[i] = i % sequence === 0 ? 0 : ids[i - 1] + (starts[i] < 0.15 ? 1 : 0);
  return ids;
}

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

function offsetsOf(loads: readonly number[]): Int32Array {
  return Int32Array.from([0, ...loads.map((_, e) => loads.slice(0, e + 1).reduce((sum, load) => sum + load, 0))]);
}

function attentionCase(
  batch: number,
  sequence: number,
  heads: number,
  qkDim: number,
  vDim: number,
  causal: number,
): Case {
  const rows = batch * sequence * heads;
  return {
    args: {
      q: random(rows * qkDim),
      k: random(rows * qkDim),
      v: random(rows * vDim),
      documents: documentIds(batch, sequence),
      out: zeros(rows * vDim),
      lse: zeros(rows),
      rowMax: zeros(rows),
      batch,
      sequence,
      heads,
      qkDim,
      vDim,
      scale: 0.7,
      causal,
    },
  };
}

function choices(rows: number, experts: number, k: number) {
  const indices = new Int32Array(rows * k);
  const draw = uniform(7, seed++, rows * experts);
  for (let t = 0; t < rows; t++) {
    const order = Array.from({ length: experts }, (_, e) => e).sort(
      (a, b) => draw[t * experts + a] - draw[t * experts + b],
    );
    for (let j = 0; j < k; j++) indices[t * k + j] = order[j];
  }
  const rank = Array.from({ length: rows * k }, (_, choice) => choice).sort((a, b) => indices[a] - indices[b] || a - b);
  const inverse = new Int32Array(rows * k);
  for (const [row, choice] of rank.entries()) inverse[choice] = row;
  return { indices, order: Int32Array.from(rank), inverse };
}

/** Cases by kernel. A kernel without any fails the last test. */
const cases: { readonly [K in KernelName]: () => readonly Case[] } = {
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
  rope: () =>
    [0, 1].flatMap((inverse) =>
      [0, 1].map((accumulate) => ({
        args: {
          x: random(5 * 3 * 14),
          y: random(5 * 3 * 14),
          positions: integers(5, 9),
          cos: random(9 * 4),
          sin: random(9 * 4),
          rows: 5,
          heads: 3,
          headDim: 14,
          start: 5,
          ropeDim: 8,
          maxPositions: 9,
          inverse,
          accumulate,
        },
      })),
    ),
  attentionForward: () =>
    [
      [1, 1, 1, 3, 2],
      [2, 37, 3, 12, 8],
      [1, 260, 2, 16, 20],
    ].flatMap(([b, s, h, dq, dv]) => [0, 1].map((causal) => attentionCase(b, s, h, dq, dv, causal))),
  attentionBackward: () =>
    [
      [1, 1, 1, 3, 2],
      [2, 37, 3, 12, 8],
      [1, 260, 2, 16, 20],
    ].flatMap(([batch, sequence, heads, qkDim, vDim]) =>
      [0, 1].map((causal) => {
        const { args } = attentionCase(batch, sequence, heads, qkDim, vDim, causal);
        const reference = openReferenceBackend();
        const rows = batch * sequence * heads;
        const filled = runSync(reference, "attentionForward", args);
        return {
          args: {
            dout: random(rows * vDim),
            q: args["q"],
            k: args["k"],
            v: args["v"],
            out: filled["out"],
            documents: args["documents"],
            lse: filled["lse"],
            delta: zeros(rows),
            dq: zeros(rows * qkDim),
            dk: zeros(rows * qkDim),
            dv: zeros(rows * vDim),
            batch,
            sequence,
            heads,
            qkDim,
            vDim,
            scale: 0.7,
            causal,
          },
        };
      }),
    ),
  latentCacheWrite: () => [
    {
      args: {
        x: random(4 * 6),
        slots: Int32Array.from([3, -1, 0, 7]),
        cache: random(8 * 6),
        rows: 4,
        width: 6,
        slotCount: 8,
      },
    },
  ],
  pagedLatentAttention: () => [
    {
      args: {
        q: random(5 * 3 * 11),
        cache: random(6 * 4 * 11),
        blockTables: Int32Array.from([1, 3, 5, 2, 4, 0]),
        rowSequence: Int32Array.from([0, 1, 0, 1, 0]),
        contextLengths: Int32Array.from([9, 8, 1, 0, 12]),
        out: zeros(5 * 3 * 7),
        rows: 5,
        heads: 3,
        latent: 7,
        ropeDim: 4,
        blockSize: 4,
        maxBlocks: 3,
        scale: 0.4,
      },
    },
  ],
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
  gatherRows: () => [
    {
      args: {
        table: random(6 * 9),
        ids: Int32Array.from([5, 0, -1, 6, 5]),
        y: zeros(5 * 9),
        rows: 5,
        dim: 9,
        vocab: 6,
      },
    },
  ],
  scatterAddRows: () => [
    {
      args: {
        dy: random(5 * 39),
        ids: Int32Array.from([5, 0, -1, 6, 5]),
        dtable: random(6 * 39),
        rows: 5,
        dim: 39,
        vocab: 6,
      },
    },
  ],
  gatherColumns: () => [{ args: { x: random(4 * 9), index: integers(8, 9), y: zeros(8), rows: 4, columns: 9, k: 2 } }],
  scatterAddColumns: () => [
    { args: { dy: random(8), index: integers(8, 9), dx: random(4 * 9), rows: 4, columns: 9, k: 2 } },
  ],
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

const kindsOf = (kernel: KernelName) => Object.entries(kernels[kernel]) as [string, string][];
const isBuffer = (value: unknown): value is Values => value instanceof Float32Array || value instanceof Int32Array;

function upload(backend: Backend, args: Arguments): Record<string, BufferHandle | number | null> {
  return Object.fromEntries(
    Object.entries(args).map(([name, value]) => {
      if (!isBuffer(value)) return [name, value];
      const buffer = backend.alloc(Math.max(value.byteLength, 4), name);
      if (value.length > 0) backend.write(buffer, value instanceof Int32Array ? "i32" : "f32", value);
      return [name, buffer];
    }),
  );
}

async function outputsOf(
  backend: Backend,
  kernel: KernelName,
  args: Arguments,
): Promise<Record<string, ArrayLike<number>>> {
  const uploaded = upload(backend, args);
  backend.enqueue(kernel, uploaded as KernelArguments<typeof kernel, BufferHandle>);
  const outputs: Record<string, ArrayLike<number>> = {};
  for (const [name, kind] of kindsOf(kernel)) {
    const value = args[name];
    if (kind.includes("out") && isBuffer(value))
      outputs[name] = await backend.read(
        uploaded[name] as BufferHandle,
        value instanceof Int32Array ? "i32" : "f32",
        value.length,
      );
  }
  for (const value of Object.values(uploaded)) if (value !== null && typeof value === "object") backend.free(value);
  return outputs;
}

/** The reference runs at once, so that its results are here without waiting. */
function runSync(backend: Backend, kernel: KernelName, args: Arguments): Record<string, Float32Array> {
  const views = Object.fromEntries(
    Object.entries(args).map(([name, value]) => [name, isBuffer(value) ? value.slice() : value]),
  );
  const uploaded = upload(backend, views);
  backend.enqueue(kernel, uploaded as KernelArguments<typeof kernel, BufferHandle>);
  const values = (name: string) => Float32Array.from((uploaded[name] as unknown as { values: Float64Array }).values);
  return {
    out: values("out").slice(0, (args["out"] as Values).length),
    lse: values("lse").slice(0, (args["lse"] as Values).length),
  };
}

/** Largest difference allowed, relative to the largest value of an output, and absolute. */
export interface Tolerance {
  readonly relative: number;
  readonly absolute: number;
}

/** Runs every case of every kernel on a backend, as sub-tests. The same seed draws the same cases. */
export async function conformsToReference(
  t: TestContext,
  backend: Backend,
  firstSeed: number,
  toleranceOf: (kernel: KernelName) => Tolerance = () => ({ relative: 2e-5, absolute: 1e-6 }),
): Promise<void> {
  seed = firstSeed;
  const lacked: readonly KernelName[] = backend.fusedRows ? [] : fusedKernels;
  for (const kernel of Object.keys(kernels) as KernelName[]) {
    if (lacked.includes(kernel)) continue;
    const { relative, absolute } = toleranceOf(kernel);
    await t.test(kernel, async () => {
      for (const [number, { args, compare }] of cases[kernel]().entries()) {
        const expected = await outputsOf(openReferenceBackend(), kernel, args);
        const actual = await outputsOf(backend, kernel, args);
        for (const name of compare ?? Object.keys(expected)) {
          const size = Math.max(1e-2, ...Array.from(expected[name], Math.abs).filter(Number.isFinite));
          for (let i = 0; i < expected[name].length; i++) {
            const difference = Math.abs(actual[name][i] - expected[name][i]);
            assert.ok(
              difference <= relative * size + absolute || Object.is(actual[name][i], expected[name][i]),
              `case ${number}, ${name}[${i}]: ${actual[name][i]}, reference ${expected[name][i]}`,
            );
          }
        }
      }
    });
  }
}

/** What of the fused kernels' operands stays f32 where activations and weights are bf16. */
const inF32 = ["weight", "norm", "bias", "logits", "weights", "loads", "cos", "sin", "y0"];

/** The fused kernels on bf16 activations and weights, against the reference on the same values, as sub-tests. */
export async function fusedConform(
  t: TestContext,
  backend: Backend,
  firstSeed: number,
  relative: number,
): Promise<void> {
  seed = firstSeed;
  for (const kernel of fusedKernels) {
    await t.test(`${kernel} in bf16`, async () => {
      for (const [number, { args }] of cases[kernel]().entries()) {
        const run = async (on: Backend) => {
          const dtypeOf = (name: string, value: Values) =>
            value instanceof Int32Array ? "i32" : inF32.includes(name) ? "f32" : "bf16";
          const uploaded = Object.entries(args).map(([name, value]) => {
            if (!isBuffer(value)) return [name, value] as const;
            const dtype = dtypeOf(name, value);
            const buffer = on.alloc(Math.max(value.length * on.bytesPerElement[dtype], 4), name, dtype);
            on.write(buffer, dtype, value);
            return [name, buffer] as const;
          });
          on.enqueue(kernel, Object.fromEntries(uploaded) as KernelArguments<typeof kernel, BufferHandle>);
          const results = new Map<string, ArrayLike<number>>();
          for (const [name, kind] of Object.entries(kernels[kernel])) {
            const value = args[name];
            if (!kind.includes("out") || !isBuffer(value)) continue;
            const buffer = uploaded.find(([key]) => key === name)?.[1] as BufferHandle;
            results.set(name, await on.read(buffer, dtypeOf(name, value), value.length));
          }
          return results;
        };
        const [actual, expected] = [await run(backend), await run(openReferenceBackend())];
        for (const [name, values] of expected) {
          const size = Math.max(1e-2, ...Array.from(values, Math.abs));
          for (let i = 0; i < values.length; i++) {
            const found = (actual.get(name) as ArrayLike<number>)[i];
            const good = Math.abs(found - values[i]) <= relative * size;
            assert.ok(good, `case ${number}, ${name}[${i}]: ${found}, reference ${values[i]} of ${size}`);
          }
        }
      }
    });
  }
}

/** bf16 rounds to nearest even, keeps NaN, and comes back exactly. */
export async function roundsToBf16(backend: Backend): Promise<void> {
  const values = Float32Array.from([1, 1.00390625, 1.01171875, -3.14, Number.NaN, Number.POSITIVE_INFINITY, 1e-40, 0]);
  const [x, y, z] = [0, 1, 2].map(() => backend.alloc(64, "bf16"));
  backend.write(x, "f32", values);
  backend.enqueue("castF32ToBf16", { x, y, n: values.length });
  backend.enqueue("castBf16ToF32", { x: y, y: z, n: values.length });
  const back = Array.from(await backend.read(z, "f32", values.length));
  assert.deepEqual(back.slice(0, 4), [1, 1, 1.015625, -3.140625]);
  assert.ok(Number.isNaN(back[4]));
  assert.equal(back[5], Number.POSITIVE_INFINITY);
  assert.deepEqual(Array.from(await backend.read(y, "bf16", 4)), back.slice(0, 4));
}
