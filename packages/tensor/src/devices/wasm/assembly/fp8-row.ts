/**
 * Rows of e4m3 codes as f32. A code moved to the place of f32's exponent and fraction is its value times 2⁻¹²⁰: one multiplication makes up
 * for it, for numbers too small for an exponent as well. The code of NaN becomes 480 in this way, and is looked for on its own.
 */
import { dot, horizontal } from "./gemm-small";
import { setRow } from "./rows";

const block: i32 = 128;
const unbias: f32 = 1.329227995784916e36; // 2¹²⁰
/** Half of that: products with codes that were not multiplied stay in the middle of f32's range. */
const lift: f32 = 1.152921504606847e18; // 2⁶⁰

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
/** Values of row `row` of a matrix [n, k] in f32. */
export function decodeRow(matrix: usize, n: i32, k: i32, row: i32, out: usize): void {
  let codes = matrix + <usize>row * <usize>k, scales = scalesOf(matrix, n, k, row), left = k;
  const nan = i8x16.splat(0x7f), places = i16x8.splat(<i16>0x87f0);
  while (left > 0) {
    const size = min(block, left), scale = load<f32>(scales), last = codes + size;
    // One factor for both, unless it were beyond f32.
    const factor = f32x4.splat(scale * unbias), end = scale < 128 ? codes + (size & ~15) : codes;
    for (; codes < end; codes += 16, out += 64) {
      const part = v128.load(codes);
      if (v128.any_true(i8x16.eq(v128.and(part, nan), nan))) {
        for (let j: i32 = 0; j < 16; j++) store<f32>(out + (<usize>j << 2), valueOf(load<u8>(codes + j)) * scale);
        continue;
      }
      const low = v128.and(i16x8.shl(i16x8.extend_low_i8x16_s(part), 4), places);
      const high = v128.and(i16x8.shl(i16x8.extend_high_i8x16_s(part), 4), places);
      v128.store(out, f32x4.mul(lowFour(low), factor));
      v128.store(out, f32x4.mul(highFour(low), factor), 16);
      v128.store(out, f32x4.mul(lowFour(high), factor), 32);
      v128.store(out, f32x4.mul(highFour(high), factor), 48);
    }
    for (; codes < last; codes++, out += 4) store<f32>(out, valueOf(load<u8>(codes)) * scale);
    left -= size;
    scales += 4;
  }
}

/** Σ x[c] · w[row, c]: the codes go from memory to registers, and a block's sum is scaled. x is multiplied by `lift`, so that the codes need not be. */
function dotCodes(x: usize, matrix: usize, n: i32, k: i32, row: i32): f32 {
  let codes = matrix + <usize>row * <usize>k, scales = scalesOf(matrix, n, k, row), left = k;
  let total = f32x4.splat(0), largest = i8x16.splat(0);
  let rest: f32 = 0;
  const magnitude = i8x16.splat(0x7f), places = i16x8.splat(<i16>0x87f0);
  while (left > 0) {
    const size = min(block, left), end = codes + (size & ~15), scale = load<f32>(scales);
    let s0 = f32x4.splat(0), s1 = f32x4.splat(0), s2 = f32x4.splat(0), s3 = f32x4.splat(0);
    for (; codes < end; codes += 16, x += 64) {
      const part = v128.load(codes);
      const low = v128.and(i16x8.shl(i16x8.extend_low_i8x16_s(part), 4), places);
      const high = v128.and(i16x8.shl(i16x8.extend_high_i8x16_s(part), 4), places);
      largest = i8x16.max_u(largest, v128.and(part, magnitude));
      s0 = f32x4.relaxed_madd(v128.load(x), lowFour(low), s0);
      s1 = f32x4.relaxed_madd(v128.load(x, 16), highFour(low), s1);
      s2 = f32x4.relaxed_madd(v128.load(x, 32), lowFour(high), s2);
      s3 = f32x4.relaxed_madd(v128.load(x, 48), highFour(high), s3);
    }
    total = f32x4.relaxed_madd(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)), f32x4.splat(scale), total);
    for (let i: i32 = size & 15; i > 0; i--, codes++, x += 4) rest += load<f32>(x) * valueOf(load<u8>(codes)) * scale;
    left -= size;
    scales += 4;
  }
  if (v128.any_true(i8x16.eq(largest, magnitude))) return NaN;
  return horizontal(total) * (unbias / lift) + rest / lift;
}

/** D[i, j] (+)= alpha · a[i] · w[j] for i < m (small), j from … to, as gemmFewRows; `work` has room for k floats. */
export function gemmFewRowsCodes(
  a: usize, lda: i32, matrix: usize, n: i32, d: usize, ldd: i32, m: i32, from: i32, to: i32, k: i32, alpha: f32, add: bool, work: usize,
): void {
  if (m == 1) setRow(a, work, k, lift);
  for (let j = from; j < to; j++) {
    if (m > 1) decodeRow(matrix, n, k, j, work);
    for (let i: i32 = 0; i < m; i++) {
      const value = (m > 1 ? dot(a + ((<usize>i * <usize>lda) << 2), work, k) : dotCodes(work, matrix, n, k, j)) * alpha;
      const at = d + ((<usize>i * <usize>ldd + j) << 2);
      store<f32>(at, add ? load<f32>(at) + value : value);
    }
  }
}
