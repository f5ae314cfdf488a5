import type { KernelTable } from "./parameter.ts";

/** Matrix products. Legend and conventions: index.ts. */
export const matrixKernels = {
  /**
   * D[i] = alpha · op(A[i]) · op(B[i]) + beta · C[i] + bias, for i < batch; A is [m, k] ([k, m] if transposeA), B is
   * [k, n] ([n, k] if transposeB), C and D are [m, n], bias is [n]. `c` may equal `d`; null counts as zero.
   * `symmetric`: the caller knows that D is symmetric, the backend may compute one triangle and mirror it.
   */
  gemm: {
    a: "in",
    b: "in",
    c: "in?",
    bias: "in?",
    d: "inout",
    batch: "int",
    m: "int",
    n: "int",
    k: "int",
    lda: "int",
    ldb: "int",
    ldc: "int",
    ldd: "int",
    strideA: "int",
    strideB: "int",
    strideC: "int",
    strideD: "int",
    transposeA: "int",
    transposeB: "int",
    alpha: "float",
    beta: "float",
    symmetric: "int",
  },
  /**
   * y[r] = x[r] · op(w[e]) for the rows r of expert e: offsets[e] ≤ r < offsets[e + 1]. x [rows, k], y [rows, n],
   * offsets i32 [E + 1]; w is [E, n, k] if transposeW, else [E, k, n]. Rows from offsets[E] on are left as they are.
   */
  groupedGemm: {
    x: "in",
    w: "in",
    y: "inout",
    offsets: "in",
    rows: "int",
    experts: "int",
    n: "int",
    k: "int",
    transposeW: "int",
    accumulate: "int",
  },
  /** dw[e] = Σ_r dy[r]ᵀ · x[r] over the rows of expert e. dy [rows, n], x [rows, k], dw [E, n, k]. */
  groupedGemmWeightGrad: {
    dy: "in",
    x: "in",
    dw: "inout",
    offsets: "in",
    rows: "int",
    experts: "int",
    n: "int",
    k: "int",
    accumulate: "int",
  },
} as const satisfies KernelTable;
