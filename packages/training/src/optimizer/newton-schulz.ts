import { type BufferHandle, empty, type Tensor } from "@baltoro/tensor";

/** Coefficients (a, b, c) of one iteration X ← aX + (bA + cA²)X with A = XXᵀ. */
export type NewtonSchulzCoefficients = readonly (readonly [number, number, number])[];

/** Muon's five equal steps (Jordan et al. 2024): fast, leaves singular values between about 0.7 and 1.2. */
export const muonCoefficients: NewtonSchulzCoefficients = Array.from(
  { length: 5 },
  () => [3.4445, -4.775, 2.0315] as const,
);

/** Polar Express (Amsel et al. 2025, arXiv 2505.16932): five steps, each optimal for what the one before leaves. */
export const polarExpressCoefficients: NewtonSchulzCoefficients = [
  [8.156554524902461, -22.48329292557795, 15.878769915207462],
  [4.042929935166739, -2.808917465908714, 0.5000178451051316],
  [3.8916678022926607, -2.772484153217685, 0.5060648178503393],
  [3.285753657755655, -2.3681294933425376, 0.46449024233003106],
  [2.3465413258596377, -1.7097828382687081, 0.42323551169305323],
];

/** Named iterations, with the factor on the norm that each was derived for. */
export const newtonSchulzVariants = {
  muon: { coefficients: muonCoefficients, safety: 1 },
  "polar-express": { coefficients: polarExpressCoefficients, safety: 1.02 },
} as const satisfies Record<string, { coefficients: NewtonSchulzCoefficients; safety: number }>;

export type NewtonSchulzVariant = keyof typeof newtonSchulzVariants;

/**
 * Orthogonalizes each matrix of a batch [B, n, m]: replaces UΣVᵀ by about UVᵀ. Overwrites `x`, and returns the tensor
 * that holds the result (`x` itself or a second of its size). Everything has the dtype of `x`, sums are f32. Tall matrices iterate on XᵀX from
 * the right, so that the small side is squared and nothing is transposed in memory.
 */
export function newtonSchulz(x: Tensor, variant: NewtonSchulzVariant): Tensor {
  const { coefficients, safety } = newtonSchulzVariants[variant];
  const [batch, n, m] = x.shape;
  const { device } = x;
  const { backend } = device;
  const tall = n > m;
  const side = Math.min(n, m);
  backend.enqueue("normalizeFrobenius", { x: x.buffer, batch, n: n * m, safety, eps: 1e-7 });
  const gram = empty(device, [batch, side, side], x.dtype, "newtonSchulz gram");
  const polynomial = empty(device, [batch, side, side], x.dtype, "newtonSchulz polynomial");
  let from = x;
  let to = empty(device, x.shape, x.dtype, "newtonSchulz");
  const square = { batch, strideA: side * side, strideB: side * side, lda: side, ldb: side };
  for (const [a, b, c] of coefficients) {
    // gram [side, side] = XXᵀ, or XᵀX of a tall matrix.
    multiply(from, from, null, gram, {
      batch,
      m: side,
      n: side,
      k: Math.max(n, m),
      lda: m,
      ldb: m,
      strideA: n * m,
      strideB: n * m,
      transposeA: tall,
      transposeB: !tall,
      alpha: 1,
      beta: 0,
      symmetric: true,
    });
    multiply(gram, gram, gram, polynomial, {
      ...square,
      m: side,
      n: side,
      k: side,
      transposeA: false,
      transposeB: false,
      alpha: c,
      beta: b,
      symmetric: true,
    });
    const shared = {
      batch,
      m: n,
      n: m,
      k: side,
      transposeA: false,
      transposeB: false,
      alpha: 1,
      beta: a,
      symmetric: false,
    };
    if (tall)
      multiply(from, polynomial, from, to, { ...shared, lda: m, ldb: side, strideA: n * m, strideB: side * side });
    else multiply(polynomial, from, from, to, { ...shared, lda: side, ldb: m, strideA: side * side, strideB: n * m });
    [from, to] = [to, from];
  }
  return from;

  function multiply(left: Tensor, right: Tensor, plus: Tensor | null, out: Tensor, sizes: Sizes): void {
    const ld = sizes.n;
    const stride = sizes.m * sizes.n;
    const flag = (value: boolean) => (value ? 1 : 0);
    const c: BufferHandle | null = plus?.buffer ?? null;
    backend.enqueue("gemm", {
      a: left.buffer,
      b: right.buffer,
      c,
      bias: null,
      d: out.buffer,
      batch: sizes.batch,
      m: sizes.m,
      n: sizes.n,
      k: sizes.k,
      lda: sizes.lda,
      ldb: sizes.ldb,
      ldc: ld,
      ldd: ld,
      strideA: sizes.strideA,
      strideB: sizes.strideB,
      strideC: stride,
      strideD: stride,
      transposeA: flag(sizes.transposeA),
      transposeB: flag(sizes.transposeB),
      alpha: sizes.alpha,
      beta: sizes.beta,
      symmetric: flag(sizes.symmetric),
    });
  }
}

interface Sizes {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly lda: number;
  readonly ldb: number;
  readonly strideA: number;
  readonly strideB: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly alpha: number;
  readonly beta: number;
  readonly symmetric: boolean;
}
