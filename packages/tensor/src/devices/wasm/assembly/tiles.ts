import { int, pointer, shareStart } from "./arguments";

const block: i32 = 128;

/** The largest finite magnitude of n values, n a multiple of 4. */
function largestOf(x: usize, n: i32): f32 {
  let largest = f32x4.splat(0);
  const infinity = f32x4.splat(Infinity), none = f32x4.splat(0);
  for (let i = 0; i < n; i += 4) {
    const size = f32x4.abs(v128.load(x + (<usize>i << 2)));
    // Comparisons with NaN are false.
    largest = f32x4.max(largest, v128.bitselect(size, none, f32x4.lt(size, infinity)));
  }
  return max<f32>(
    max<f32>(f32x4.extract_lane(largest, 0), f32x4.extract_lane(largest, 1)),
    max<f32>(f32x4.extract_lane(largest, 2), f32x4.extract_lane(largest, 3)),
  );
}

/** Codes of four values, in a word: as toE4m3 of float8.ts, what is not finite as NaN. */
// @ts-ignore: decorator
@inline
function codesOf(x: v128, scale: v128): i32 {
  const finite = f32x4.lt(f32x4.abs(x), f32x4.splat(Infinity));
  const scaled = f32x4.min(f32x4.max(f32x4.div(x, scale), f32x4.splat(-448)), f32x4.splat(448));
  const size = f32x4.abs(scaled);
  // Rounding may carry into the exponent, as it should; f32's is biased by 127, e4m3's by 7.
  const odd = v128.and(i32x4.shr_u(size, 20), i32x4.splat(1));
  const normal = i32x4.sub(
    i32x4.shr_u(i32x4.add(i32x4.add(size, i32x4.splat(0x7ffff)), odd), 20),
    i32x4.splat(120 << 3),
  );
  const small = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(size, f32x4.splat(512))));
  const code = v128.bitselect(small, normal, f32x4.lt(size, f32x4.splat(0.015625)));
  const sign = v128.and(i32x4.shr_u(scaled, 24), i32x4.splat(0x80));
  const all = v128.bitselect(v128.or(code, sign), i32x4.splat(0x7f), finite);
  return i32x4.extract_lane(i8x16.swizzle(all, i8x16(0, 4, 8, 12, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16)), 0);
}

/** See `quantizeTiles` in kernels/tiles.ts. */
export function quantizeTiles(args: usize, thread: i32, threads: i32): void {
  const x = pointer(args, 0), codes = pointer(args, 1), scales = pointer(args, 2);
  const rows = int(args, 3), columns = int(args, 4);
  const end = shareStart(rows, thread + 1, threads, 1);
  for (let row = shareStart(rows, thread, threads, 1); row < end; row++) {
    for (let tile = 0, c = 0; c < columns; tile++, c += block) {
      const count = min<i32>(block, columns - c);
      const at = <usize>row * <usize>columns + <usize>c;
      const from = x + (at << 2), to = codes + at;
      const largest = largestOf(from, count);
      // 2⁻¹²⁶, the smallest normal number.
      const scale: f32 = largest == 0 ? 1 : max<f32>(largest / 448, reinterpret<f32>(0x00800000));
      store<f32>(scales + ((<usize>tile * <usize>rows + <usize>row) << 2), scale);
      const wide = f32x4.splat(scale);
      for (let i = 0; i < count; i += 4) store<i32>(to + <usize>i, codesOf(v128.load(from + (<usize>i << 2)), wide));
    }
  }
}

/** See `dequantizeTiles` in kernels/tiles.ts. */
export function dequantizeTiles(args: usize, thread: i32, threads: i32): void {
  const codes = pointer(args, 0), scales = pointer(args, 1), y = pointer(args, 2);
  const rows = int(args, 3), columns = int(args, 4);
  const end = shareStart(rows, thread + 1, threads, 1);
  const spread = i8x16(0, 16, 16, 16, 1, 16, 16, 16, 2, 16, 16, 16, 3, 16, 16, 16);
  const size = i32x4.splat(0x7f), sign = i32x4.splat(0x80);
  // 2¹²⁰ takes an exponent biased by 7 to one biased by 127, and what is too small for one likewise.
  const bias = f32x4.splat(reinterpret<f32>((120 + 127) << 23));
  for (let row = shareStart(rows, thread, threads, 1); row < end; row++) {
    for (let tile = 0, c = 0; c < columns; tile++, c += block) {
      const count = min<i32>(block, columns - c);
      const at = <usize>row * <usize>columns + <usize>c;
      const scale = f32x4.splat(load<f32>(scales + ((<usize>tile * <usize>rows + <usize>row) << 2)));
      for (let i = 0; i < count; i += 4) {
        const code = i8x16.swizzle(v128.load32_zero(codes + at + <usize>i), spread);
        const magnitude = v128.and(code, size);
        const value = f32x4.mul(i32x4.shl(magnitude, 20), bias);
        const known = v128.bitselect(f32x4.splat(NaN), value, i32x4.eq(magnitude, size));
        const signed = v128.or(known, i32x4.shl(v128.and(code, sign), 24));
        v128.store(y + ((at + <usize>i) << 2), f32x4.mul(signed, scale));
      }
    }
  }
}
