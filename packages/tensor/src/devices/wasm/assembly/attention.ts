import { float, int, pointer } from "./arguments";
import { gemmBlock } from "./gemm-block";
import { dot } from "./gemm-small";
import { expRow, rowMaximum, scaleRow } from "./reductions";
import { zeroRow } from "./rows";
import { scratch } from "./scratch";

// Query rows go through in blocks of one document and one head, so that a block's logits [rows, columns] stay in the second-level
// cache, and no logit is computed that the documents hide.

/** Elements of one block of logits. */
const blockElements: i32 = 48 << 10;

/** Where the logits begin in a thread's scratch: behind what gemmBlock uses (packed A, packed B, one tile). */
const logitsOffset: usize = 2400 << 10;

/** Where each row of a block has the reciprocal of its sum: behind two blocks of logits. */
const factorsOffset: usize = logitsOffset + (<usize>blockElements << 2) * 4;

/** Rows of a block, for a document of so many rows: blocks of about the same size, whole tiles of 6 rows. */
// @ts-ignore: decorator
@inline
function rowsPerBlock(length: i32): i32 {
  const most = max(6, min(96, blockElements / length / 6 * 6));
  const blocks = (length + most - 1) / most;
  return ((length + blocks - 1) / blocks + 5) / 6 * 6;
}

/** Row behind the last of the document that begins at row i: ids do not decrease. */
function documentEnd(documents: usize, i: i32, sequence: i32): i32 {
  const id = load<i32>(documents + (<usize>i << 2));
  while (i < sequence && load<i32>(documents + (<usize>i << 2)) == id) i++;
  return i;
}

export function attentionForward(args: usize, thread: i32, threads: i32): void {
  const q = pointer(args, 0), k = pointer(args, 1), v = pointer(args, 2), documents = pointer(args, 3), out = pointer(args, 4);
  const lse = pointer(args, 5), rowMax = pointer(args, 6), batch = int(args, 7), sequence = int(args, 8), heads = int(args, 9);
  const qkDim = int(args, 10), vDim = int(args, 11), scale = float(args, 12), causal = int(args, 13) != 0;
  const work = scratch(thread), logits = work + logitsOffset, factors = work + factorsOffset;
  const ldq = heads * qkDim, ldv = heads * vDim;
  let unit: i32 = 0;
  for (let b: i32 = 0; b < batch; b++) {
    const ids = documents + ((<usize>b * <usize>sequence) << 2), row0 = <usize>b * <usize>sequence;
    for (let c0: i32 = 0, end: i32 = 0; c0 < sequence; c0 = end) {
      end = documentEnd(ids, c0, sequence);
      const block = rowsPerBlock(end - c0);
      for (let head: i32 = 0; head < heads; head++) {
        const kAt = k + (((row0 + c0) * <usize>ldq + head * qkDim) << 2), vAt = v + (((row0 + c0) * <usize>ldv + head * vDim) << 2);
        // Late blocks of a causal head see more keys: dealing them round robin evens that out.
        for (let i0 = c0; i0 < end; i0 += block, unit++) {
          if (unit % threads != thread) continue;
          const i1 = min(end, i0 + block), columns = (causal ? i1 : end) - c0;
          const qAt = q + (((row0 + i0) * <usize>ldq + head * qkDim) << 2), outAt = out + (((row0 + i0) * <usize>ldv + head * vDim) << 2);
          gemmBlock(qAt, ldq, false, kAt, ldq, true, logits, columns, i1 - i0, columns, qkDim, scale, false, work, causal, i0 - c0);
          for (let i = i0; i < i1; i++) {
            const row = logits + ((<usize>(i - i0) * <usize>columns) << 2), n = causal ? i + 1 - c0 : columns;
            const stat = <usize>((b * heads + head) * sequence + i) << 2;
            const most = rowMaximum(row, n);
            const sum = expRow(row, row, n, most);
            // The maximum passes over NaN, the sum does not.
            store<f32>(rowMax + stat, sum == sum ? most : sum);
            store<f32>(lse + stat, most + <f32>Math.log(sum));
            zeroRow(row + (<usize>n << 2), columns - n);
            store<f32>(factors + (<usize>(i - i0) << 2), 1 / sum);
          }
          gemmBlock(logits, columns, false, vAt, ldv, false, outAt, ldv, i1 - i0, vDim, columns, 1, false, work, false, 0);
          for (let i = i0; i < i1; i++) {
            scaleRow(outAt + ((<usize>(i - i0) * <usize>ldv) << 2), vDim, load<f32>(factors + (<usize>(i - i0) << 2)));
          }
        }
      }
    }
  }
}

/** Heads are dealt to the threads whole, so that dk and dv have one owner. */
export function attentionBackward(args: usize, thread: i32, threads: i32): void {
  const dout = pointer(args, 0), q = pointer(args, 1), k = pointer(args, 2), v = pointer(args, 3), out = pointer(args, 4);
  const documents = pointer(args, 5), lse = pointer(args, 6), delta = pointer(args, 7);
  const dq = pointer(args, 8), dk = pointer(args, 9), dv = pointer(args, 10);
  const batch = int(args, 11), sequence = int(args, 12), heads = int(args, 13), qkDim = int(args, 14), vDim = int(args, 15);
  const scale = float(args, 16), causal = int(args, 17) != 0;
  const work = scratch(thread), p = work + logitsOffset, ds = p + (<usize>blockElements << 2) * 2;
  const ldq = heads * qkDim, ldv = heads * vDim;
  for (let unit = thread; unit < batch * heads; unit += threads) {
    const b = unit / heads, head = unit - b * heads;
    const ids = documents + ((<usize>b * <usize>sequence) << 2), row0 = <usize>b * <usize>sequence;
    const qUnit = (row0 * <usize>ldq + head * qkDim) << 2, vUnit = (row0 * <usize>ldv + head * vDim) << 2;
    for (let i: i32 = 0; i < sequence; i++) {
      zeroRow(dk + qUnit + ((<usize>i * <usize>ldq) << 2), qkDim);
      zeroRow(dv + vUnit + ((<usize>i * <usize>ldv) << 2), vDim);
    }
    for (let c0: i32 = 0, end: i32 = 0; c0 < sequence; c0 = end) {
      end = documentEnd(ids, c0, sequence);
      const block = rowsPerBlock(end - c0);
      const qColumns = qUnit + ((<usize>c0 * <usize>ldq) << 2), vColumns = vUnit + ((<usize>c0 * <usize>ldv) << 2);
      for (let i0 = c0; i0 < end; i0 += block) {
        const i1 = min(end, i0 + block), rows = i1 - i0, columns = (causal ? i1 : end) - c0;
        const qRows = qUnit + ((<usize>i0 * <usize>ldq) << 2), vRows = vUnit + ((<usize>i0 * <usize>ldv) << 2);
        gemmBlock(q + qRows, ldq, false, k + qColumns, ldq, true, p, columns, rows, columns, qkDim, scale, false, work, causal, i0 - c0);
        gemmBlock(dout + vRows, ldv, false, v + vColumns, ldv, true, ds, columns, rows, columns, vDim, 1, false, work, causal, i0 - c0);
        for (let i = i0; i < i1; i++) {
          const row = (<usize>(i - i0) * <usize>columns) << 2, n = causal ? i + 1 - c0 : columns;
          const stat = <usize>((b * heads + head) * sequence + i) << 2;
          const at = vUnit + ((<usize>i * <usize>ldv) << 2);
          const own = dot(dout + at, out + at, vDim);
          store<f32>(delta + stat, own);
          const tail = row + (<usize>n << 2);
          zeroRow(p + tail, columns - n);
          zeroRow(ds + tail, columns - n);
          expRow(p + row, p + row, n, load<f32>(lse + stat));
          softmaxSlope(p + row, ds + row, n, own, scale);
        }
        gemmBlock(ds, columns, false, k + qColumns, ldq, false, dq + qRows, ldq, rows, qkDim, columns, 1, false, work, false, 0);
        gemmBlock(p, columns, true, dout + vRows, ldv, false, dv + vColumns, ldv, columns, vDim, rows, 1, true, work, false, 0);
        gemmBlock(ds, columns, true, q + qRows, ldq, false, dk + qColumns, ldq, columns, qkDim, rows, 1, true, work, false, 0);
      }
    }
  }
}

/** ds = p · (ds − delta) · scale. */
function softmaxSlope(p: usize, ds: usize, n: i32, delta: f32, scale: f32): void {
  const wideDelta = f32x4.splat(delta), wideScale = f32x4.splat(scale);
  let i: i32 = 0;
  for (; i + 4 <= n; i += 4) {
    const at = <usize>i << 2;
    const slope = f32x4.mul(f32x4.sub(v128.load(ds + at), wideDelta), wideScale);
    v128.store(ds + at, f32x4.mul(v128.load(p + at), slope));
  }
  for (; i < n; i++) {
    const at = <usize>i << 2;
    store<f32>(ds + at, load<f32>(p + at) * (load<f32>(ds + at) - delta) * scale);
  }
}
