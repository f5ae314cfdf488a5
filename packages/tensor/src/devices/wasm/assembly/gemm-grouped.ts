import { int, pointer, shareStart } from "./arguments";
import { gemmFewRowsCodes, matrixBytes } from "./fp8-row";
import { gemmCodes } from "./gemm";
import { gemmBlock } from "./gemm-block";
import { gemmFewRows } from "./gemm-small";
import { scratch } from "./scratch";

/** Batches of decoding: this few rows in all are split over the outputs, and read each weight once. */
const decodeRows: i32 = 64;
const fewRows: i32 = 4;

/** See `groupedGemm` in kernels/matrix.ts. Threads take equal ranges of rows, whatever the experts' loads. */
export function groupedGemm(args: usize, thread: i32, threads: i32): void {
  groupedProducts(args, thread, threads, false);
}

/** The same with transposed matrices of codes. */
export function groupedGemmFp8(args: usize, thread: i32, threads: i32): void {
  groupedProducts(args, thread, threads, true);
}

function groupedProducts(args: usize, thread: i32, threads: i32, codes: bool): void {
  const x = pointer(args, 0),
    w = pointer(args, 1),
    y = pointer(args, 2),
    offsets = pointer(args, 3);
  const rows = int(args, 4),
    experts = int(args, 5),
    n = int(args, 6),
    k = int(args, 7);
  const transposeW = int(args, 8) != 0,
    add = int(args, 9) != 0;
  const work = scratch(thread);
  const decoding = rows <= decodeRows && transposeW;
  const r0 = decoding ? 0 : shareStart(rows, thread, threads, 6);
  const r1 = decoding ? rows : shareStart(rows, thread + 1, threads, 6);
  const c0 = decoding ? shareStart(n, thread, threads, 16) : 0;
  const c1 = decoding ? shareStart(n, thread + 1, threads, 16) : n;
  if (c0 >= c1) return;
  const ldw = transposeW ? k : n;
  for (let e: i32 = 0; e < experts; e++) {
    const first = max(r0, load<i32>(offsets + ((<usize>e) << 2)));
    const last = min(r1, load<i32>(offsets + ((<usize>(e + 1)) << 2)));
    if (first >= last) continue;
    const m = last - first;
    const xAt = x + ((<usize>first * <usize>k) << 2),
      yAt = y + ((<usize>first * <usize>n) << 2);
    if (codes) {
      const matrix = w + <usize>e * matrixBytes(n, k);
      if (m <= fewRows) gemmFewRowsCodes(xAt, k, matrix, n, yAt, n, m, c0, c1, k, 1, add, work);
      else gemmCodes(xAt, k, matrix, n, yAt, n, m, c0, c1, k, 1, add, work);
      continue;
    }
    const wAt = w + ((<usize>e * <usize>n * <usize>k) << 2);
    if (transposeW && m <= fewRows) gemmFewRows(xAt, k, wAt, ldw, yAt, n, m, c0, c1, k, 1, add);
    else {
      const wPart = wAt + ((transposeW ? <usize>c0 * <usize>k : <usize>c0) << 2);
      gemmBlock(
        xAt,
        k,
        false,
        wPart,
        ldw,
        transposeW,
        yAt + ((<usize>c0) << 2),
        n,
        m,
        c1 - c0,
        k,
        1,
        add,
        work,
        false,
        0,
      );
    }
  }
}

/** See `groupedGemmWeightGrad` in kernels/matrix.ts. Each expert's matrix is cut by rows, so that loads do not matter. */
export function groupedGemmWeightGrad(args: usize, thread: i32, threads: i32): void {
  const dy = pointer(args, 0),
    x = pointer(args, 1),
    dw = pointer(args, 2),
    offsets = pointer(args, 3);
  const experts = int(args, 5),
    n = int(args, 6),
    k = int(args, 7),
    add = int(args, 8) != 0;
  const work = scratch(thread);
  const parts = max(1, min(threads, n / 24));
  for (let e: i32 = 0; e < experts; e++) {
    // With fewer parts than threads, experts take turns among them.
    const part = (thread + threads - ((e * parts) % threads)) % threads;
    if (part >= parts) continue;
    const c0 = shareStart(n, part, parts, 6),
      c1 = shareStart(n, part + 1, parts, 6);
    if (c0 >= c1) continue;
    const first = load<i32>(offsets + ((<usize>e) << 2)),
      m = load<i32>(offsets + ((<usize>(e + 1)) << 2)) - first;
    const out = dw + ((<usize>(e * n + c0) * <usize>k) << 2);
    if (m == 0) {
      if (!add) memory.fill(out, 0, (<usize>(c1 - c0) * <usize>k) << 2);
      continue;
    }
    const dyAt = dy + ((<usize>first * <usize>n + c0) << 2),
      xAt = x + ((<usize>first * <usize>k) << 2);
    gemmBlock(dyAt, n, true, xAt, k, false, out, k, c1 - c0, k, m, 1, add, work, false, 0);
  }
}
