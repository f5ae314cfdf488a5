/**
 * Products with few rows and B stored transposed [n, k], as in decoding: each row of B is read once, straight from memory,
 * against all rows of A. Bound by the bandwidth of B.
 *
 * One row of B after the other, never several at once: what lies in memory is then read in one ascending stream, which the processor
 * fetches ahead. Four rows at a time are four short streams; from beyond the second-level cache they came at a third of the speed.
 */

/** D[i, j] (+)= alpha · a[i] · b[j] for i < m (small), j from … to. */
export function gemmFewRows(
  a: usize, lda: i32, b: usize, ldb: i32, d: usize, ldd: i32, m: i32, from: i32, to: i32, k: i32, alpha: f32, add: bool,
): void {
  const strideA = <usize>lda << 2;
  const strideB = <usize>ldb << 2;
  for (let j = from; j < to; j++) {
    const row = b + <usize>j * strideB;
    for (let i: i32 = 0; i < m; i++) {
      const value = dot(a + <usize>i * strideA, row, k) * alpha;
      const at = d + ((<usize>i * <usize>ldd + j) << 2);
      store<f32>(at, add ? load<f32>(at) + value : value);
    }
  }
}

/** Four dot products of x with rows that are `stride` bytes apart. */
// @ts-ignore: decorator
@inline
export function dot4(x: usize, row: usize, stride: usize, k: i32): v128 {
  const row1 = row + stride;
  const row2 = row1 + stride;
  const row3 = row2 + stride;
  let s0 = f32x4.splat(0), s1 = f32x4.splat(0), s2 = f32x4.splat(0), s3 = f32x4.splat(0);
  let t0 = f32x4.splat(0), t1 = f32x4.splat(0), t2 = f32x4.splat(0), t3 = f32x4.splat(0);
  let p: usize = 0;
  const end8 = <usize>(k & ~7) << 2;
  for (; p < end8; p += 32) {
    const x0 = v128.load(x + p), x1 = v128.load(x + p, 16);
    s0 = f32x4.relaxed_madd(x0, v128.load(row + p), s0);
    t0 = f32x4.relaxed_madd(x1, v128.load(row + p, 16), t0);
    s1 = f32x4.relaxed_madd(x0, v128.load(row1 + p), s1);
    t1 = f32x4.relaxed_madd(x1, v128.load(row1 + p, 16), t1);
    s2 = f32x4.relaxed_madd(x0, v128.load(row2 + p), s2);
    t2 = f32x4.relaxed_madd(x1, v128.load(row2 + p, 16), t2);
    s3 = f32x4.relaxed_madd(x0, v128.load(row3 + p), s3);
    t3 = f32x4.relaxed_madd(x1, v128.load(row3 + p, 16), t3);
  }
  let r0 = horizontal(f32x4.add(s0, t0)), r1 = horizontal(f32x4.add(s1, t1));
  let r2 = horizontal(f32x4.add(s2, t2)), r3 = horizontal(f32x4.add(s3, t3));
  const end = <usize>k << 2;
  for (; p < end; p += 4) {
    const value = load<f32>(x + p);
    r0 += value * load<f32>(row + p);
    r1 += value * load<f32>(row1 + p);
    r2 += value * load<f32>(row2 + p);
    r3 += value * load<f32>(row3 + p);
  }
  return f32x4.replace_lane(f32x4.replace_lane(f32x4.replace_lane(f32x4.splat(r0), 1, r1), 2, r2), 3, r3);
}

/** Dot product of two contiguous vectors: eight sums in flight, since each waits four cycles for the one before. */
export function dot(x: usize, y: usize, k: i32): f32 {
  let s0 = f32x4.splat(0), s1 = f32x4.splat(0), s2 = f32x4.splat(0), s3 = f32x4.splat(0);
  let t0 = f32x4.splat(0), t1 = f32x4.splat(0), t2 = f32x4.splat(0), t3 = f32x4.splat(0);
  let p: usize = 0;
  const end32 = <usize>(k & ~31) << 2, end8 = <usize>(k & ~7) << 2, end = <usize>k << 2;
  for (; p < end32; p += 128) {
    s0 = f32x4.relaxed_madd(v128.load(x + p), v128.load(y + p), s0);
    t0 = f32x4.relaxed_madd(v128.load(x + p, 16), v128.load(y + p, 16), t0);
    s1 = f32x4.relaxed_madd(v128.load(x + p, 32), v128.load(y + p, 32), s1);
    t1 = f32x4.relaxed_madd(v128.load(x + p, 48), v128.load(y + p, 48), t1);
    s2 = f32x4.relaxed_madd(v128.load(x + p, 64), v128.load(y + p, 64), s2);
    t2 = f32x4.relaxed_madd(v128.load(x + p, 80), v128.load(y + p, 80), t2);
    s3 = f32x4.relaxed_madd(v128.load(x + p, 96), v128.load(y + p, 96), s3);
    t3 = f32x4.relaxed_madd(v128.load(x + p, 112), v128.load(y + p, 112), t3);
  }
  for (; p < end8; p += 32) {
    s0 = f32x4.relaxed_madd(v128.load(x + p), v128.load(y + p), s0);
    t0 = f32x4.relaxed_madd(v128.load(x + p, 16), v128.load(y + p, 16), t0);
  }
  const s = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
  const t = f32x4.add(f32x4.add(t0, t1), f32x4.add(t2, t3));
  let sum = horizontal(f32x4.add(s, t));
  for (; p < end; p += 4) sum += load<f32>(x + p) * load<f32>(y + p);
  return sum;
}

/** Sum of the four lanes. */
// @ts-ignore: decorator
@inline
export function horizontal(x: v128): f32 {
  const pairs = f32x4.add(x, v128.shuffle<f32>(x, x, 2, 3, 0, 1));
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1);
}
