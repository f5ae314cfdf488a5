/**
 * Rows of e4m3 codes as f32. A code moved to the place of f32's exponent and fraction is its value times 2⁻¹²⁰: one multiplication makes up
 * for it, for numbers too small for an exponent as well. The code of NaN becomes 480 in this way, and is looked for on its own.
 */
import { dot, horizontal } from "./gemm-small";

const block: i32 = 128;
const unbias: f32 = 1.329227995784916e36; // 2¹²⁰

/** Scales from one row of blocks to the next. */
export function scalePitch(columns: i32): i32 {
  return ((columns + block - 1) / block + 3) & ~3;
}

/** Where the scales of a matrix [n, k] begin. */
export function scalesAt(n: i32, k: i32): usize {
  return (<usize>n * <usize>k + 255) & ~255;
}

/** Bytes from one matrix to the next. */
export function matrixBytes(n: i32, k: i32): usize {
  return scalesAt(n, k) + ((((<usize>((n + block - 1) / block) * <usize>scalePitch(k)) << 2) + 255) & ~255);
}

function scalesOf(matrix: usize, n: i32, k: i32, row: i32): usize {
  return matrix + scalesAt(n, k) + ((<usize>(row / block) * <usize>scalePitch(k)) << 2);
}

function valueOf(code: u32): f32 {
  if ((code & 0x7f) == 0x7f) return NaN;
  return reinterpret<f32>(((code & 0x80) << 24) | ((code & 0x7f) << 20)) * unbias;
}

// Four codes each, of eight that are the upper bytes' sign-extended 16-bit words: the upper halves of f32 words.
// @ts-ignore: decorator
@inline
function lowFour(words: v128): v128 {
  return v128.shuffle<i16>(i16x8.splat(0), words, 0, 8, 1, 9, 2, 10, 3, 11);
}
// @ts-ignore: decorator
@inline
function highFour(words: v128): v128 {
  return v128.shuffle<i16>(i16x8.splat(0), words, 4, 12, 5, 13, 6, 14, 7, 15);
}
// @ts-ignore: decorator
@inline
function wordsOfLow(codes: v128): v128 {
  return v128.and(i16x8.shl(i16x8.extend_low_i8x16_s(codes), 4), i16x8.splat(<i16>0x87f0));
}
// @ts-ignore: decorator
@inline
function wordsOfHigh(codes: v128): v128 {
  return v128.and(i16x8.shl(i16x8.extend_high_i8x16_s(codes), 4), i16x8.splat(<i16>0x87f0));
}
/** All ones where a code is NaN's. */
// @ts-ignore: decorator
@inline
function nanCodes(codes: v128): v128 {
  return i8x16.eq(v128.and(codes, i8x16.splat(0x7f)), i8x16.splat(0x7f));
}

/** Values of row `row` of a matrix [n, k] in f32. */
export function decodeRow(matrix: usize, n: i32, k: i32, row: i32, out: usize): void {
  const codes = matrix + <usize>row * <usize>k, scales = scalesOf(matrix, n, k, row);
  const factor = f32x4.splat(unbias);
  for (let c: i32 = 0; c < k; c += block) {
    const scale = load<f32>(scales + (<usize>(c / block) << 2)), wide = f32x4.splat(scale);
    const end = min(c + block, k);
    let i = c;
    for (; i + 16 <= end; i += 16) {
      const part = v128.load(codes + i), to = out + (<usize>i << 2);
      if (v128.any_true(nanCodes(part))) {
        for (let j: i32 = 0; j < 16; j++) store<f32>(to + (<usize>j << 2), valueOf(load<u8>(codes + i + j)) * scale);
        continue;
      }
      const low = wordsOfLow(part), high = wordsOfHigh(part);
      v128.store(to, f32x4.mul(f32x4.mul(lowFour(low), factor), wide));
      v128.store(to, f32x4.mul(f32x4.mul(highFour(low), factor), wide), 16);
      v128.store(to, f32x4.mul(f32x4.mul(lowFour(high), factor), wide), 32);
      v128.store(to, f32x4.mul(f32x4.mul(highFour(high), factor), wide), 48);
    }
    for (; i < end; i++) store<f32>(out + (<usize>i << 2), valueOf(load<u8>(codes + i)) * scale);
  }
}

/** Σ x[c] · w[row, c]: the codes go from memory to registers, and a block's sum is scaled. */
export function dotCodes(x: usize, matrix: usize, n: i32, k: i32, row: i32): f32 {
  const codes = matrix + <usize>row * <usize>k, scales = scalesOf(matrix, n, k, row);
  const factor = f32x4.splat(unbias);
  let total = f32x4.splat(0), nan = i8x16.splat(0);
  let rest: f32 = 0;
  for (let c: i32 = 0; c < k; c += block) {
    const scale = load<f32>(scales + (<usize>(c / block) << 2)), end = min(c + block, k);
    let s0 = f32x4.splat(0), s1 = f32x4.splat(0), s2 = f32x4.splat(0), s3 = f32x4.splat(0);
    let i = c;
    for (; i + 16 <= end; i += 16) {
      const part = v128.load(codes + i), from = x + (<usize>i << 2);
      const low = wordsOfLow(part), high = wordsOfHigh(part);
      nan = v128.or(nan, nanCodes(part));
      s0 = f32x4.relaxed_madd(v128.load(from), f32x4.mul(lowFour(low), factor), s0);
      s1 = f32x4.relaxed_madd(v128.load(from, 16), f32x4.mul(highFour(low), factor), s1);
      s2 = f32x4.relaxed_madd(v128.load(from, 32), f32x4.mul(lowFour(high), factor), s2);
      s3 = f32x4.relaxed_madd(v128.load(from, 48), f32x4.mul(highFour(high), factor), s3);
    }
    total = f32x4.relaxed_madd(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)), f32x4.splat(scale), total);
    for (; i < end; i++) rest += load<f32>(x + (<usize>i << 2)) * valueOf(load<u8>(codes + i)) * scale;
  }
  if (v128.any_true(nan)) return NaN;
  return horizontal(total) + rest;
}

/** D[i, j] (+)= alpha · a[i] · w[j] for i < m (small), j from … to, as gemmFewRows; `work` has room for k floats. */
export function gemmFewRowsCodes(
  a: usize, lda: i32, matrix: usize, n: i32, d: usize, ldd: i32, m: i32, from: i32, to: i32, k: i32, alpha: f32, add: bool, work: usize,
): void {
  for (let j = from; j < to; j++) {
    if (m > 1) decodeRow(matrix, n, k, j, work);
    for (let i: i32 = 0; i < m; i++) {
      const row = a + ((<usize>i * <usize>lda) << 2);
      const value = (m > 1 ? dot(row, work, k) : dotCodes(row, matrix, n, k, j)) * alpha;
      const at = d + ((<usize>i * <usize>ldd + j) << 2);
      store<f32>(at, add ? load<f32>(at) + value : value);
    }
  }
}
