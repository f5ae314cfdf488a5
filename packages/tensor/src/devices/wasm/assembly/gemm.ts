import { float, int, pointer, shareStart } from "./arguments";
import { gemmBlock, tileWidth } from "./gemm-block";
import { decodeRow, gemmFewRowsCodes } from "./fp8-row";
import { gemmFewRows } from "./gemm-small";
import { scratch } from "./scratch";

/**
 * A system BLAS on this memory: D = alpha · op(A) · op(B) + beta · D. Each thread multiplies its own share, so that the split, and
 * with it the bits, depend on the number of threads alone.
 */
// @ts-ignore: a decorator of AssemblyScript
@external("env", "blasGemm")
declare function blasGemm(
  transposeA: i32,
  transposeB: i32,
  m: i32,
  n: i32,
  k: i32,
  alpha: f32,
  a: usize,
  lda: i32,
  b: usize,
  ldb: i32,
  beta: f32,
  d: usize,
  ldd: i32,
): void;

let blasWork: f64 = Infinity;

/** Products of at least this many multiplications per thread go to the system BLAS: smaller ones cost less than the call. */
export function setBlasWork(multiplications: f64): void {
  blasWork = multiplications;
}

/** Up to this many rows against a transposed B go without packing. */
const fewRows: i32 = 4;

/** Where codes become f32, behind what gemmBlock uses of a thread's workspace. */
const decodedAt: usize = 2560 << 10;
const decodedBytes: i32 = 1536 << 10;

/** As gemmBlock or the system's BLAS would, with the rows from … to of a matrix [n, k] of codes for B: in panels that are decoded. */
export function gemmCodes(
  a: usize, lda: i32, matrix: usize, n: i32, d: usize, ldd: i32, m: i32, from: i32, to: i32, k: i32, alpha: f32, add: bool, work: usize,
): void {
  const width = max(1, min(64, decodedBytes / 4 / k)), panel = work + decodedAt;
  for (let first = from; first < to; first += width) {
    const columns = min(width, to - first), out = d + (<usize>first << 2);
    for (let j: i32 = 0; j < columns; j++) decodeRow(matrix, n, k, first + j, panel + ((<usize>j * <usize>k) << 2));
    if (<f64>m * <f64>columns * <f64>k >= blasWork) {
      blasGemm(0, 1, m, columns, k, alpha, a, lda, panel, k, add ? 1 : 0, out, ldd);
    } else gemmBlock(a, lda, false, panel, k, true, out, ldd, m, columns, k, alpha, add, work, false, 0);
  }
}

/** `gemm` with a transposed matrix of codes for B. */
export function gemmFp8(args: usize, thread: i32, threads: i32): void {
  const a = pointer(args, 0), b = pointer(args, 1), c = pointer(args, 2), d = pointer(args, 4);
  const m = int(args, 6), n = int(args, 7), k = int(args, 8), lda = int(args, 9), ldd = int(args, 12);
  const few = m <= fewRows, step = few ? 4 : tileWidth, work = scratch(thread), alpha = float(args, 19);
  const c0 = shareStart(n, thread, threads, step), c1 = shareStart(n, thread + 1, threads, step);
  if (m == 0 || c0 >= c1) return;
  const add = start(c, int(args, 11), float(args, 20), pointer(args, 3), d, ldd, 0, m, c0, c1, k);
  if (k == 0) return;
  if (few) gemmFewRowsCodes(a, lda, b, n, d, ldd, m, c0, c1, k, alpha, add, work);
  else gemmCodes(a, lda, b, n, d, ldd, m, c0, c1, k, alpha, add, work);
}

/** See `gemm` in kernels/matrix.ts. Matrices of a batch are dealt to the threads; otherwise the longer side of D is split. */
export function gemm(args: usize, thread: i32, threads: i32): void {
  const a = pointer(args, 0),
    b = pointer(args, 1),
    c = pointer(args, 2),
    bias = pointer(args, 3),
    d = pointer(args, 4);
  const batch = int(args, 5),
    m = int(args, 6),
    n = int(args, 7),
    k = int(args, 8);
  const lda = int(args, 9),
    ldb = int(args, 10),
    ldc = int(args, 11),
    ldd = int(args, 12);
  const strideA = int(args, 13),
    strideB = int(args, 14),
    strideC = int(args, 15),
    strideD = int(args, 16);
  const transposeA = int(args, 17) != 0,
    transposeB = int(args, 18) != 0;
  const alpha = float(args, 19),
    beta = float(args, 20),
    symmetric = int(args, 21) != 0;
  const work = scratch(thread);
  const whole = batch >= threads;
  const firstBatch = whole ? shareStart(batch, thread, threads, 1) : 0;
  const lastBatch = whole ? shareStart(batch, thread + 1, threads, 1) : batch;
  const few = m <= fewRows && transposeB && !transposeA;
  // Symmetric products are split by rows, with equal areas of the lower triangle.
  const byRows = !few && (m >= n || symmetric);
  let r0: i32 = 0,
    r1: i32 = m,
    c0: i32 = 0,
    c1: i32 = n;
  if (!whole) {
    if (symmetric) {
      r0 = triangleStart(m, thread, threads);
      r1 = triangleStart(m, thread + 1, threads);
    } else if (byRows) {
      r0 = shareStart(m, thread, threads, 6);
      r1 = shareStart(m, thread + 1, threads, 6);
    } else {
      c0 = shareStart(n, thread, threads, few ? 4 : tileWidth);
      c1 = shareStart(n, thread + 1, threads, few ? 4 : tileWidth);
    }
  }
  if (r0 >= r1 || c0 >= c1) return;
  for (let i = firstBatch; i < lastBatch; i++) {
    const ai = a + ((<usize>i * <usize>strideA) << 2),
      bi = b + ((<usize>i * <usize>strideB) << 2);
    const ci = c ? c + ((<usize>i * <usize>strideC) << 2) : 0,
      di = d + ((<usize>i * <usize>strideD) << 2);
    const add = start(ci, ldc, beta, bias, di, ldd, r0, r1, c0, c1, k);
    if (k == 0) continue;
    const dAt = di + ((<usize>r0 * <usize>ldd + c0) << 2);
    if (few) {
      gemmFewRows(ai, lda, bi, ldb, di, ldd, m, c0, c1, k, alpha, add);
      continue;
    }
    const aAt = ai + ((transposeA ? <usize>r0 : <usize>r0 * <usize>lda) << 2);
    const bAt = bi + ((transposeB ? <usize>c0 * <usize>ldb : <usize>c0) << 2);
    if (!symmetric && <f64>(r1 - r0) * <f64>(c1 - c0) * <f64>k >= blasWork) {
      const beta: f32 = add ? 1 : 0;
      blasGemm(transposeA, transposeB, r1 - r0, c1 - c0, k, alpha, aAt, lda, bAt, ldb, beta, dAt, ldd);
      continue;
    }
    gemmBlock(
      aAt,
      lda,
      transposeA,
      bAt,
      ldb,
      transposeB,
      dAt,
      ldd,
      r1 - r0,
      c1 - c0,
      k,
      alpha,
      add,
      work,
      symmetric,
      r0,
    );
    if (symmetric && whole) mirror(di, ldd, 0, m);
  }
}

/**
 * Second phase of a symmetric product that the threads share: tiles on the diagonal reach above it, so that mirroring must wait
 * until all rows are done.
 */
export function gemmFinish(args: usize, thread: i32, threads: i32): bool {
  const batch = int(args, 5), m = int(args, 6);
  if (int(args, 21) == 0 || batch >= threads) return false;
  const r0 = triangleStart(m, thread, threads), r1 = triangleStart(m, thread + 1, threads);
  const d = pointer(args, 4), ldd = int(args, 12), strideD = int(args, 16);
  for (let i: i32 = 0; i < batch; i++) mirror(d + ((<usize>i * <usize>strideD) << 2), ldd, r0, r1);
  return true;
}

/** Rows such that each thread's part of the lower triangle has the same area. */
function triangleStart(m: i32, thread: i32, threads: i32): i32 {
  if (thread >= threads) return m;
  const row = <i32>(Mathf.sqrt(<f32>thread / <f32>threads) * <f32>m);
  return min(m, (row / 6) * 6);
}

/** Copies the lower triangle's rows r0 … r1 to the columns above the diagonal. */
function mirror(d: usize, ld: i32, r0: i32, r1: i32): void {
  for (let i = r0; i < r1; i++) {
    for (let j: i32 = 0; j < i; j++) {
      store<f32>(d + ((<usize>j * <usize>ld + i) << 2), load<f32>(d + ((<usize>i * <usize>ld + j) << 2)));
    }
  }
}

/** Puts beta · C + bias into D's part; false where nothing is to be added to, and D is left to be overwritten. */
function start(
  c: usize,
  ldc: i32,
  beta: f32,
  bias: usize,
  d: usize,
  ldd: i32,
  r0: i32,
  r1: i32,
  c0: i32,
  c1: i32,
  k: i32,
): bool {
  const plus = c != 0 && beta != 0;
  if (!plus && !bias && k > 0) return false;
  if (plus && !bias && c == d && beta == 1 && ldc == ldd) return true;
  for (let i = r0; i < r1; i++) {
    const from = c + ((<usize>i * <usize>ldc) << 2),
      to = d + ((<usize>i * <usize>ldd) << 2);
    let j = c0;
    for (; j + 8 <= c1; j += 8) {
      const at = (<usize>j) << 2;
      let x = f32x4.splat(0),
        y = f32x4.splat(0);
      if (plus) {
        x = f32x4.mul(v128.load(from + at), f32x4.splat(beta));
        y = f32x4.mul(v128.load(from + at, 16), f32x4.splat(beta));
      }
      if (bias) {
        x = f32x4.add(x, v128.load(bias + at));
        y = f32x4.add(y, v128.load(bias + at, 16));
      }
      v128.store(to + at, x);
      v128.store(to + at, y, 16);
    }
    for (; j < c1; j++) {
      const at = (<usize>j) << 2;
      let x: f32 = plus ? beta * load<f32>(from + at) : 0;
      if (bias) x += load<f32>(bias + at);
      store<f32>(to + at, x);
    }
  }
  return true;
}
