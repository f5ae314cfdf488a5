import { float, int, pointer } from "./arguments";
import { gemmBlock } from "./gemm-block";
import { dot } from "./gemm-small";
import { expRow, rowMaximum, scaleRow } from "./reductions";
import { scratch } from "./scratch";

// A unit of work is one head of one sequence. Its query rows go through in blocks, so that a block's logits
// [rows, columns] stay in the second-level cache.

/** Elements of one block of logits. */
const blockElements: i32 = 48 << 10;

/** Where the logits begin in a thread's scratch: behind what gemmBlock uses (packed A, packed B, one tile). */
const logitsOffset: usize = 2400 << 10;

// @ts-ignore: decorator
@inline
function rowsPerBlock(sequence: i32): i32 {
  return max(6, min(96, blockElements / max(sequence, 1) / 6 * 6));
}

/** First row of the document of row i: ids do not decrease, so it is found backwards. */
function documentStart(documents: usize, i: i32): i32 {
  const id = load<i32>(documents + (<usize>i << 2));
  while (i > 0 && load<i32>(documents + (<usize>(i - 1) << 2)) == id) i--;
  return i;
}

/** Row behind the last of the document of row i. */
function documentEnd(documents: usize, i: i32, sequence: i32): i32 {
  const id = load<i32>(documents + (<usize>i << 2));
  while (i < sequence && load<i32>(documents + (<usize>i << 2)) == id) i++;
  return i;
}

export function attentionForward(args: usize, thread: i32, threads: i32): void {
  const q = pointer(args, 0), k = pointer(args, 1), v = pointer(args, 2), documents = pointer(args, 3), out = pointer(args, 4);
  const lse = pointer(args, 5), rowMax = pointer(args, 6), batch = int(args, 7), sequence = int(args, 8), heads = int(args, 9);
  const qkDim = int(args, 10), vDim = int(args, 11), scale = float(args, 12), causal = int(args, 13) != 0;
  const work = scratch(thread), logits = work + logitsOffset;
  const block = rowsPerBlock(sequence), ldq = heads * qkDim, ldv = heads * vDim;
  const blocks = (sequence + block - 1) / block;
  const units = batch * heads * blocks;
  // Late blocks of a causal head see more keys: dealing them round robin evens that out.
  for (let unit = thread; unit < units; unit += threads) {
    const head = unit / blocks % heads, b = unit / blocks / heads, i0 = (unit % blocks) * block;
    const i1 = min(sequence, i0 + block);
    const ids = documents + ((<usize>b * <usize>sequence) << 2);
    const c0 = documentStart(ids, i0), c1 = causal ? i1 : documentEnd(ids, i1 - 1, sequence), columns = c1 - c0;
    const row0 = <usize>b * <usize>sequence;
    const qAt = q + (((row0 + i0) * <usize>ldq + head * qkDim) << 2), kAt = k + (((row0 + c0) * <usize>ldq + head * qkDim) << 2);
    const vAt = v + (((row0 + c0) * <usize>ldv + head * vDim) << 2), outAt = out + (((row0 + i0) * <usize>ldv + head * vDim) << 2);
    gemmBlock(qAt, ldq, false, kAt, ldq, true, logits, columns, i1 - i0, columns, qkDim, scale, false, work, causal, i0 - c0);
    let start = c0;
    for (let i = i0; i < i1; i++) {
      const row = logits + ((<usize>(i - i0) * <usize>columns) << 2);
      if (load<i32>(ids + (<usize>i << 2)) != load<i32>(ids + (<usize>start << 2))) start = i;
      const last = causal ? i + 1 : documentEnd(ids, i, c1);
      const from = row + (<usize>(start - c0) << 2), n = last - start;
      const stat = <usize>((b * heads + head) * sequence + i) << 2;
      const most = rowMaximum(from, n);
      const sum = expRow(from, from, n, most);
      store<f32>(rowMax + stat, most);
      store<f32>(lse + stat, most + <f32>Math.log(sum));
      memory.fill(row, 0, <usize>(start - c0) << 2);
      memory.fill(row + (<usize>(last - c0) << 2), 0, <usize>(c1 - last) << 2);
      scaleRow(from, n, 1 / sum);
    }
    gemmBlock(logits, columns, false, vAt, ldv, false, outAt, ldv, i1 - i0, vDim, columns, 1, false, work, false, 0);
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
  const block = rowsPerBlock(sequence), ldq = heads * qkDim, ldv = heads * vDim;
  for (let unit = thread; unit < batch * heads; unit += threads) {
    const b = unit / heads, head = unit - b * heads;
    const ids = documents + ((<usize>b * <usize>sequence) << 2), row0 = <usize>b * <usize>sequence;
    const qUnit = (row0 * <usize>ldq + head * qkDim) << 2, vUnit = (row0 * <usize>ldv + head * vDim) << 2;
    for (let i: i32 = 0; i < sequence; i++) {
      memory.fill(dk + qUnit + ((<usize>i * <usize>ldq) << 2), 0, <usize>qkDim << 2);
      memory.fill(dv + vUnit + ((<usize>i * <usize>ldv) << 2), 0, <usize>vDim << 2);
    }
    for (let i0: i32 = 0; i0 < sequence; i0 += block) {
      const i1 = min(sequence, i0 + block), rows = i1 - i0;
      const c0 = documentStart(ids, i0), c1 = causal ? i1 : documentEnd(ids, i1 - 1, sequence), columns = c1 - c0;
      const qRows = qUnit + ((<usize>i0 * <usize>ldq) << 2), vRows = vUnit + ((<usize>i0 * <usize>ldv) << 2);
      const qColumns = qUnit + ((<usize>c0 * <usize>ldq) << 2), vColumns = vUnit + ((<usize>c0 * <usize>ldv) << 2);
      gemmBlock(q + qRows, ldq, false, k + qColumns, ldq, true, p, columns, rows, columns, qkDim, scale, false, work, causal, i0 - c0);
      gemmBlock(dout + vRows, ldv, false, v + vColumns, ldv, true, ds, columns, rows, columns, vDim, 1, false, work, causal, i0 - c0);
      let start = c0;
      for (let i = i0; i < i1; i++) {
        if (load<i32>(ids + (<usize>i << 2)) != load<i32>(ids + (<usize>start << 2))) start = i;
        const last = causal ? i + 1 : documentEnd(ids, i, c1);
        const row = (<usize>(i - i0) * <usize>columns) << 2, before = <usize>(start - c0) << 2, n = last - start;
        const stat = <usize>((b * heads + head) * sequence + i) << 2;
        const at = vUnit + ((<usize>i * <usize>ldv) << 2);
        const own = dot(dout + at, out + at, vDim);
        store<f32>(delta + stat, own);
        memory.fill(p + row, 0, before);
        memory.fill(ds + row, 0, before);
        const tail = <usize>(last - c0) << 2, rest = <usize>(c1 - last) << 2;
        memory.fill(p + row + tail, 0, rest);
        memory.fill(ds + row + tail, 0, rest);
        expRow(p + row + before, p + row + before, n, load<f32>(lse + stat));
        softmaxSlope(p + row + before, ds + row + before, n, own, scale);
      }
      gemmBlock(ds, columns, false, k + qColumns, ldq, false, dq + qRows, ldq, rows, qkDim, columns, 1, false, work, false, 0);
      gemmBlock(p, columns, true, dout + vRows, ldv, false, dv + vColumns, ldv, columns, vDim, rows, 1, true, work, false, 0);
      gemmBlock(ds, columns, true, q + qRows, ldq, false, dk + qColumns, ldq, columns, qkDim, rows, 1, true, work, false, 0);
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
