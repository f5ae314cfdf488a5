import { record } from "../autograd.ts";
import type { FloatDType } from "../dtype.ts";
import { formatShape } from "../shape.ts";
import { empty, type Tensor } from "../tensor.ts";
import { floatOf } from "./check.ts";

/** Options of {@link matmul}. */
export interface MatmulOptions {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** Added to every row of the product: [n]. */
  readonly bias?: Tensor;
  /** dtype of the product, by default that of `a`. Sums are f32 in any case. */
  readonly out?: FloatDType;
}

/**
 * op(a) · op(b) (+ bias). Shapes: a [..., m, k], b [k, n] → [..., m, n], where the leading axes of `a` count as rows
 * (not with transposeA); or batched, a [B, m, k], b [B, k, n] → [B, m, n]. A transposed operand has its last two axes
 * swapped in memory; nothing is copied.
 *
 * @throws if the inner sizes differ, naming both shapes.
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const { transposeA = false, transposeB = false, bias } = options;
  const plan = planProduct(a, b, transposeA, transposeB);
  const { batch, m, n, k, outShape } = plan;
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== n)) {
    throw new Error(
      `matmul: bias ${formatShape(bias.shape)} does not fit the product ${formatShape(outShape)}: expected [${n}]`,
    );
  }
  const out = empty(a.device, outShape, options.out ?? floatOf(a), "matmul");
  product(a, b, out, { batch, m, n, k, transposeA, transposeB, bias, accumulate: 0 });
  record("matmul", [a, b, bias ?? null], [out], [a, b], ([gradient], [sinkA, sinkB, sinkBias], [savedA, savedB]) => {
    if (!gradient) return;
    if (sinkA) {
      const { out: da, accumulate } = sinkA.target();
      // dA = dC · op(B)ᵀ, stored as A is: [m, k], or [k, m] with transposeA.
      if (transposeA)
        product(savedB, gradient, da, {
          batch,
          m: k,
          n: m,
          k: n,
          transposeA: transposeB,
          transposeB: true,
          accumulate,
        });
      else
        product(gradient, savedB, da, { batch, m, n: k, k: n, transposeA: false, transposeB: !transposeB, accumulate });
    }
    if (sinkB) {
      const { out: db, accumulate } = sinkB.target();
      // dB = op(A)ᵀ · dC, stored as B is: [k, n], or [n, k] with transposeB.
      if (transposeB)
        product(gradient, savedA, db, {
          batch,
          m: n,
          n: k,
          k: m,
          transposeA: true,
          transposeB: transposeA,
          accumulate,
        });
      else
        product(savedA, gradient, db, { batch, m: k, n, k: m, transposeA: !transposeA, transposeB: false, accumulate });
    }
    if (sinkBias) {
      const { out: dbias, accumulate } = sinkBias.target();
      gradient.device.backend.enqueue("reduce", {
        x: gradient.buffer,
        y: dbias.buffer,
        outer: 1,
        axis: batch * m,
        inner: n,
        op: 0,
        accumulate,
      });
    }
  });
  return out;
}

/** x · wᵀ (+ bias): x [..., k], w [n, k] as Hugging Face stores a linear layer → [..., n]. */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor, out?: FloatDType): Tensor {
  return matmul(x, weight, { transposeB: true, ...(bias && { bias }), ...(out && { out }) });
}

/**
 * One product per head, without copying heads apart: x [T, H, k], w [H, n, k] → [T, H, n].
 * No gradient: it serves the absorbed path of MLA decoding.
 */
export function headMatmul(x: Tensor, weight: Tensor): Tensor {
  const [rows, heads, k] = x.shape;
  const [wHeads, n, wInner] = weight.shape;
  if (x.shape.length !== 3 || weight.shape.length !== 3 || wHeads !== heads || wInner !== k) {
    throw new Error(`headMatmul: x ${formatShape(x.shape)} does not fit weight ${formatShape(weight.shape)}`);
  }
  const out = empty(x.device, [rows, heads, n], x.dtype, "headMatmul");
  x.device.backend.enqueue("gemm", {
    a: x.buffer,
    b: weight.buffer,
    c: null,
    bias: null,
    d: out.buffer,
    batch: heads,
    m: rows,
    n,
    k,
    lda: heads * k,
    ldb: k,
    ldc: 0,
    ldd: heads * n,
    strideA: k,
    strideB: k * n,
    strideC: 0,
    strideD: n,
    transposeA: 0,
    transposeB: 1,
    alpha: 1,
    beta: 0,
    symmetric: 0,
  });
  return out;
}

function planProduct(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean) {
  const fail = (why: string): never => {
    const mark = (flag: boolean) => (flag ? " (transposed)" : "");
    throw new Error(
      `matmul: ${formatShape(a.shape)}${mark(transposeA)} · ${formatShape(b.shape)}${mark(transposeB)}: ${why}`,
    );
  };
  const float = ["f32", "bf16"];
  const quantized = b.dtype === "fp8e4m3" && transposeB && b.shape.length === 2;
  if (!float.includes(a.dtype) || !(quantized || float.includes(b.dtype)))
    fail(`dtypes ${a.dtype} and ${b.dtype}, expected f32 or bf16, or fp8e4m3 for a transposed matrix on the right`);
  if (a.shape.length < 2 || b.shape.length < 2) fail("both need at least two axes");
  const batched = b.shape.length === 3;
  if (b.shape.length > 3) fail("the second has more than three axes");
  if (batched && (a.shape.length !== 3 || a.shape[0] !== b.shape[0])) fail("batch axes differ");
  if (!batched && transposeA && a.shape.length > 2) fail("transposeA needs a matrix or a batch of them on both sides");
  const last = a.shape.length - 1;
  const leading = batched ? [a.shape[0]] : a.shape.slice(0, -2);
  const rows = transposeA ? a.shape[last] : a.shape[last - 1];
  const k = transposeA ? a.shape[last - 1] : a.shape[last];
  const [bFirst, bSecond] = b.shape.slice(-2);
  const n = transposeB ? bFirst : bSecond;
  if ((transposeB ? bSecond : bFirst) !== k) fail(`inner sizes ${k} and ${transposeB ? bSecond : bFirst} differ`);
  const batch = batched ? a.shape[0] : 1;
  const m = batched ? rows : rows * leading.reduce((size, axis) => size * axis, 1);
  return { batch, m, n, k, outShape: [...leading, rows, n] };
}

interface Product {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly bias?: Tensor;
  readonly accumulate: 0 | 1;
}

/** out = op(a) · op(b) + bias + accumulate · out, with dense operands. */
function product(
  a: Tensor,
  b: Tensor,
  out: Tensor,
  { batch, m, n, k, transposeA, transposeB, bias, accumulate }: Product,
): void {
  out.device.backend.enqueue("gemm", {
    a: a.buffer,
    b: b.buffer,
    c: accumulate ? out.buffer : null,
    bias: bias?.buffer ?? null,
    d: out.buffer,
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
    transposeA: transposeA ? 1 : 0,
    transposeB: transposeB ? 1 : 0,
    alpha: 1,
    beta: accumulate,
    symmetric: 0,
  });
}
