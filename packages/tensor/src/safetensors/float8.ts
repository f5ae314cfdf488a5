/**
 * e4m3fn (OCP 8-bit floating point, "fn": finite, no infinities): sign, 4 bits of exponent with bias 7, 3 of fraction. Largest value 448,
 * smallest normal 2⁻⁶, smallest 2⁻⁹. Of the codes with all ones only 0x7f and 0xff are NaN.
 */

/** Largest finite value of e4m3fn. */
export const largestE4m3 = 448;

const smallestNormal = 2 ** -6;
const subnormalSteps = 2 ** 9;
const largestCode = 0x7e;
const notANumberCode = 0x7f;

/** The value of each code. */
export const e4m3Values: Readonly<Float32Array> = Float32Array.from({ length: 256 }, (_, code) => {
  const sign = code & 0x80 ? -1 : 1;
  const exponent = (code >>> 3) & 15;
  const fraction = code & 7;
  if ((code & 0x7f) === notANumberCode) return Number.NaN;
  if (exponent === 0) return (sign * fraction) / subnormalSteps;
  return sign * (1 + fraction / 8) * 2 ** (exponent - 7);
});

/**
 * Scale of values whose largest magnitude is `largest`, so that their codes use the whole range: an f32. 1 where all are zero; never below the
 * normal numbers of f32, where it would lose the precision that codes rely on.
 */
export function scaleOf(largest: number): number {
  return largest === 0 ? 1 : Math.max(Math.fround(largest / largestE4m3), 2 ** -126);
}

const word = new Float32Array(1);
const bits = new Uint32Array(word.buffer);

/**
 * Code of the e4m3fn value nearest to an f32 (ties to even). What is larger than 448, infinities too, becomes ±448, as in NVIDIA's
 * saturating conversion; NaN stays NaN.
 */
export function toE4m3(value: number): number {
  word[0] = value;
  const sign = (bits[0] >>> 24) & 0x80;
  const magnitude = bits[0] & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | notANumberCode;
  const size = Math.abs(word[0]);
  if (size >= largestE4m3) return sign | largestCode;
  if (size < smallestNormal) return sign | roundTiesToEven(size * subnormalSteps);
  // f32 has 20 more bits of fraction and an exponent biased by 127; rounding may carry into the exponent, as it should.
  const rounded = magnitude + 0x7ffff + ((magnitude >>> 20) & 1);
  return sign | ((rounded >>> 20) - ((127 - 7) << 3));
}

/** 8, one above the largest subnormal, is the code of the smallest normal value. */
function roundTiesToEven(steps: number): number {
  const below = Math.floor(steps);
  const rest = steps - below;
  return rest > 0.5 || (rest === 0.5 && below & 1) ? below + 1 : below;
}
