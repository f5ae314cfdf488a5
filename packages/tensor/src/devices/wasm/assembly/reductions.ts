import { int, pointer, shareStart } from "./arguments";
import { horizontal } from "./gemm-small";
import { expBelow1, expBelow4, maxLane } from "./math";

/** Outputs are split among threads; within one output the order is that of the axis. */
export function reduce(args: usize, thread: i32, threads: i32): void {
  const x = pointer(args, 0),
    y = pointer(args, 1),
    outer = int(args, 2),
    axis = int(args, 3),
    inner = int(args, 4);
  const op = int(args, 5),
    add = int(args, 6) != 0;
  const outputs = outer * inner;
  const end = shareStart(outputs, thread + 1, threads, 16);
  for (let at = shareStart(outputs, thread, threads, 16); at < end; at++) {
    const o = at / inner,
      i = at - o * inner;
    let from = x + ((<usize>o * <usize>axis * <usize>inner + i) << 2);
    const step = (<usize>inner) << 2;
    let result: f32 = op <= 1 ? 0 : op == 2 ? -Infinity : Infinity;
    for (let a: i32 = 0; a < axis; a++) {
      const value = load<f32>(from);
      result = op <= 1 ? result + value : op == 2 ? max<f32>(result, value) : min<f32>(result, value);
      from += step;
    }
    if (op == 1) result /= <f32>axis;
    const to = y + ((<usize>at) << 2);
    store<f32>(to, add ? load<f32>(to) + result : result);
  }
}

const chunks: i32 = 256;

/** First phase: one partial sum per chunk, so that the order does not depend on the number of threads. */
export function sumSquares(args: usize, thread: i32, threads: i32): void {
  const x = pointer(args, 0),
    partials = pointer(args, 1),
    n = int(args, 3);
  const c1 = shareStart(chunks, thread + 1, threads, 1);
  for (let chunk = shareStart(chunks, thread, threads, 1); chunk < c1; chunk++) {
    let i = shareStart(n, chunk, chunks, 8);
    const end = shareStart(n, chunk + 1, chunks, 8);
    let s = f32x4.splat(0),
      t = f32x4.splat(0);
    for (; i + 8 <= end; i += 8) {
      const a = v128.load(x + ((<usize>i) << 2)),
        b = v128.load(x + ((<usize>i) << 2), 16);
      s = f32x4.relaxed_madd(a, a, s);
      t = f32x4.relaxed_madd(b, b, t);
    }
    let sum = horizontal(f32x4.add(s, t));
    for (; i < end; i++) {
      const value = load<f32>(x + ((<usize>i) << 2));
      sum += value * value;
    }
    store<f32>(partials + ((<usize>chunk) << 2), sum);
  }
}

/** Second phase, after a barrier. */
export function sumSquaresFinish(args: usize, thread: i32, _threads: i32): bool {
  if (thread != 0) return true;
  const partials = pointer(args, 1),
    y = pointer(args, 2),
    add = int(args, 4) != 0;
  let sum: f32 = 0;
  for (let chunk: i32 = 0; chunk < chunks; chunk++) sum += load<f32>(partials + ((<usize>chunk) << 2));
  store<f32>(y, add ? load<f32>(y) + sum : sum);
  return true;
}

/** Largest value of a row; NaN may or may not come through. Four maxima in flight, since each waits for the one before. */
export function rowMaximum(row: usize, n: i32): f32 {
  let m0 = f32x4.splat(-Infinity), m1 = m0, m2 = m0, m3 = m0;
  let i: i32 = 0;
  for (; i + 16 <= n; i += 16) {
    const at = row + ((<usize>i) << 2);
    m0 = f32x4.relaxed_max(m0, v128.load(at));
    m1 = f32x4.relaxed_max(m1, v128.load(at, 16));
    m2 = f32x4.relaxed_max(m2, v128.load(at, 32));
    m3 = f32x4.relaxed_max(m3, v128.load(at, 48));
  }
  let result = maxLane(f32x4.max(f32x4.max(m0, m1), f32x4.max(m2, m3)));
  for (; i < n; i++) result = max<f32>(result, load<f32>(row + ((<usize>i) << 2)));
  return result;
}

/** to[i] = exp(from[i] − shift), shift at least about the largest of the row; returns the sum. */
export function expRow(from: usize, to: usize, n: i32, shift: f32): f32 {
  const wide = f32x4.splat(shift);
  let sums = f32x4.splat(0), sums2 = sums;
  let i: i32 = 0;
  for (; i + 8 <= n; i += 8) {
    const at = (<usize>i) << 2;
    const value = expBelow4(f32x4.sub(v128.load(from + at), wide));
    const value2 = expBelow4(f32x4.sub(v128.load(from + at, 16), wide));
    v128.store(to + at, value);
    v128.store(to + at, value2, 16);
    sums = f32x4.add(sums, value);
    sums2 = f32x4.add(sums2, value2);
  }
  let sum = horizontal(f32x4.add(sums, sums2));
  for (; i < n; i++) {
    const at = (<usize>i) << 2;
    const value = expBelow1(load<f32>(from + at) - shift);
    store<f32>(to + at, value);
    sum += value;
  }
  return sum;
}

/** The sum that expRow returns, without the row. */
export function expSum(row: usize, n: i32, shift: f32): f32 {
  const wide = f32x4.splat(shift);
  let sums = f32x4.splat(0), sums2 = sums;
  let i: i32 = 0;
  for (; i + 8 <= n; i += 8) {
    const at = row + ((<usize>i) << 2);
    sums = f32x4.add(sums, expBelow4(f32x4.sub(v128.load(at), wide)));
    sums2 = f32x4.add(sums2, expBelow4(f32x4.sub(v128.load(at, 16), wide)));
  }
  let sum = horizontal(f32x4.add(sums, sums2));
  for (; i < n; i++) sum += expBelow1(load<f32>(row + ((<usize>i) << 2)) - shift);
  return sum;
}

/** row[i] *= factor. */
export function scaleRow(row: usize, n: i32, factor: f32): void {
  let i: i32 = 0;
  for (; i + 4 <= n; i += 4)
    v128.store(row + ((<usize>i) << 2), f32x4.mul(v128.load(row + ((<usize>i) << 2)), f32x4.splat(factor)));
  for (; i < n; i++) store<f32>(row + ((<usize>i) << 2), load<f32>(row + ((<usize>i) << 2)) * factor);
}

export function softmaxForward(args: usize, thread: i32, threads: i32): void {
  const x = pointer(args, 0),
    y = pointer(args, 1),
    rows = int(args, 2),
    columns = int(args, 3);
  const end = shareStart(rows, thread + 1, threads, 1);
  for (let r = shareStart(rows, thread, threads, 1); r < end; r++) {
    const at = (<usize>r * <usize>columns) << 2;
    const sum = expRow(x + at, y + at, columns, rowMaximum(x + at, columns));
    scaleRow(y + at, columns, 1 / sum);
  }
}

export function softmaxBackward(args: usize, thread: i32, threads: i32): void {
  const dy = pointer(args, 0),
    y = pointer(args, 1),
    dx = pointer(args, 2),
    rows = int(args, 3),
    columns = int(args, 4);
  const add = int(args, 5) != 0;
  const end = shareStart(rows, thread + 1, threads, 1);
  for (let r = shareStart(rows, thread, threads, 1); r < end; r++) {
    const row = (<usize>r * <usize>columns) << 2;
    let dot: f32 = 0;
    for (let c: i32 = 0; c < columns; c++)
      dot += load<f32>(dy + row + ((<usize>c) << 2)) * load<f32>(y + row + ((<usize>c) << 2));
    for (let c: i32 = 0; c < columns; c++) {
      const at = row + ((<usize>c) << 2);
      const value = load<f32>(y + at) * (load<f32>(dy + at) - dot);
      store<f32>(dx + at, add ? load<f32>(dx + at) + value : value);
    }
  }
}
