/**
 * Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): a counter-based generator, so that
 * any element of a stream is computed on its own, with the same bits on every device.
 */

const multiplier0 = 0xd2511f53;
const multiplier1 = 0xcd9e8d57;
const weyl0 = 0x9e3779b9;
const weyl1 = 0xbb67ae85;

/** High 32 bits of the product of two unsigned 32-bit integers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = (middle & 0xffff) + aLow * bHigh;
  return (aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(carry / 65536)) >>> 0;
}

/** The four 32-bit words of one block, for a 64-bit key and a 128-bit counter. */
export function philox4x32(
  key0: number,
  key1: number,
  counter0: number,
  counter1: number,
  counter2: number,
  counter3: number,
): [number, number, number, number] {
  let [k0, k1] = [key0 >>> 0, key1 >>> 0];
  let [c0, c1, c2, c3] = [counter0 >>> 0, counter1 >>> 0, counter2 >>> 0, counter3 >>> 0];
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(multiplier0, c0);
    const high1 = multiplyHigh(multiplier1, c2);
    const low0 = Math.imul(multiplier0, c0) >>> 0;
    const low1 = Math.imul(multiplier1, c2) >>> 0;
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0];
    k0 = (k0 + weyl0) >>> 0;
    k1 = (k1 + weyl1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** `count` numbers in [0, 1) of 24 bits, as the kernel `randomUniform` makes them with key (seed, 0). */
export function uniform(seed: number, stream: number, count: number): Float32Array {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i += 4) {
    const block = philox4x32(seed, 0, i / 4, stream, 0, 0);
    for (let j = 0; j < 4 && i + j < count; j++) values[i + j] = (block[j] >>> 8) / 2 ** 24;
  }
  return values;
}

/** `count` normal numbers with mean 0 (Box–Muller in float64, rounded at the end). */
export function normal(seed: number, stream: number, count: number, standardDeviation = 1): Float32Array {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i += 4) {
    const block = philox4x32(seed, 0, i / 4, stream, 0, 0);
    for (let j = 0; j < 4 && i + j < count; j += 2) {
      // (word + 1) / 2³² lies in (0, 1]: the logarithm is finite.
      const radius = standardDeviation * Math.sqrt(-2 * Math.log((block[j] + 1) / 2 ** 32));
      const angle = (2 * Math.PI * block[j + 1]) / 2 ** 32;
      values[i + j] = radius * Math.cos(angle);
      if (i + j + 1 < count) values[i + j + 1] = radius * Math.sin(angle);
    }
  }
  return values;
}
