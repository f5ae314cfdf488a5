/** exp(x − n · ln 2) for |x − n · ln 2| ≤ ln 2 / 2, by a polynomial of degree 6; ln 2 in two parts, so that little is lost. */
// @ts-ignore: decorator
@inline
function expRemainder(x: v128, n: v128): v128 {
  let r = f32x4.relaxed_nmadd(n, f32x4.splat(0.693359375), x);
  r = f32x4.relaxed_nmadd(n, f32x4.splat(-2.12194440e-4), r);
  let p = f32x4.splat(1.9875691500e-4);
  p = f32x4.relaxed_madd(p, r, f32x4.splat(1.3981999507e-3));
  p = f32x4.relaxed_madd(p, r, f32x4.splat(8.3334519073e-3));
  p = f32x4.relaxed_madd(p, r, f32x4.splat(4.1665795894e-2));
  p = f32x4.relaxed_madd(p, r, f32x4.splat(1.6666665459e-1));
  p = f32x4.relaxed_madd(p, r, f32x4.splat(5.0000001201e-1));
  return f32x4.relaxed_madd(p, f32x4.mul(r, r), f32x4.add(r, f32x4.splat(1)));
}

/**
 * exp of four floats: 2ⁿ · p(r) with |r| ≤ ln 2 / 2 and a polynomial of degree 6, about 1 ulp. −∞ and everything below
 * −87.3 give 0, NaN stays NaN, and from 88.7 on the result is +∞.
 */
// @ts-ignore: decorator
@inline
export function exp4(x: v128): v128 {
  // pmin and pmax are one instruction each, and leave a NaN that is their first argument.
  const clamped = f32x4.pmax(f32x4.pmin(x, f32x4.splat(88.8)), f32x4.splat(-87.5));
  const n = f32x4.nearest(f32x4.mul(clamped, f32x4.splat(1.44269504)));
  const p = expRemainder(clamped, n);
  // 2ⁿ in two factors, since 2¹²⁸ alone has no bit pattern.
  const half = i32x4.shr_s(i32x4.trunc_sat_f32x4_s(n), 1);
  const rest = i32x4.sub(i32x4.trunc_sat_f32x4_s(n), half);
  const scale1 = i32x4.shl(i32x4.add(half, i32x4.splat(127)), 23);
  const scale2 = i32x4.shl(i32x4.add(rest, i32x4.splat(127)), 23);
  const y = f32x4.mul(f32x4.mul(p, scale1), scale2);
  return v128.bitselect(f32x4.splat(0), y, f32x4.lt(x, f32x4.splat(-87.4)));
}

/**
 * exp4 for arguments that are not above 88, as a softmax has them behind its maximum: a third of the instructions. About 1 ulp; below
 * −87.3 and at −∞ 0, NaN stays NaN.
 */
// @ts-ignore: decorator
@inline
export function expBelow4(x: v128): v128 {
  // Beside 1.5 · 2²³ a float has no fraction: adding rounds x / ln 2, and n lies in the low bits of the sum.
  const shifted = f32x4.relaxed_madd(x, f32x4.splat(1.44269504), f32x4.splat(12582912));
  const n = f32x4.sub(shifted, f32x4.splat(12582912));
  const p = expRemainder(x, n);
  const scale = i32x4.shl(i32x4.add(shifted, i32x4.splat(127)), 23);
  return v128.andnot(f32x4.mul(p, scale), f32x4.lt(x, f32x4.splat(-87.3)));
}

/** exp of one float, with the same bits as a lane of exp4. */
// @ts-ignore: decorator
@inline
export function exp1(x: f32): f32 {
  return f32x4.extract_lane(exp4(f32x4.splat(x)), 0);
}

/** exp of one float, with the same bits as a lane of expBelow4. */
// @ts-ignore: decorator
@inline
export function expBelow1(x: f32): f32 {
  return f32x4.extract_lane(expBelow4(f32x4.splat(x)), 0);
}

/** 1 / (1 + exp(−x)). */
// @ts-ignore: decorator
@inline
export function sigmoid4(x: v128): v128 {
  return f32x4.div(f32x4.splat(1), f32x4.add(f32x4.splat(1), expBelow4(f32x4.pmin(f32x4.neg(x), f32x4.splat(88)))));
}

// @ts-ignore: decorator
@inline
export function sigmoid1(x: f32): f32 {
  return f32x4.extract_lane(sigmoid4(f32x4.splat(x)), 0);
}

/** Largest of the four lanes, NaN if one is. */
// @ts-ignore: decorator
@inline
export function maxLane(x: v128): f32 {
  const pairs = f32x4.max(x, v128.shuffle<f32>(x, x, 2, 3, 0, 1));
  return max(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 1));
}
