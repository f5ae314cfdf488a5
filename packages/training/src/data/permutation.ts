/**
 * A shuffle of 0 … size−1 that needs no array: position → element, one-to-one, by a Feistel network over the next power
 * of four, walking on while the result lies outside (cycle walking; Black & Rogaway 2002). The same seed and epoch give
 * the same order on every machine.
 * @throws RangeError unless 0 ≤ size ≤ 2^48.
 */
export function permutation(size: number, seed: number, epoch = 0): (position: number) => number {
  if (!Number.isSafeInteger(size) || size < 0 || size > 2 ** 48) throw new RangeError(`permutation: size ${size}`);
  let bits = 1;
  while (4 ** bits < size) bits++;
  const side = 2 ** bits;
  const keys = roundKeys(seed, epoch);
  return (position) => {
    if (!(Number.isInteger(position) && position >= 0 && position < size)) {
      throw new RangeError(`permutation: position ${position} outside 0 … ${size - 1}`);
    }
    let value = position;
    do {
      let left = Math.floor(value / side);
      let right = value % side;
      for (const key of keys) {
        const mixed = (mix(right ^ key) ^ mix(key + right)) >>> (32 - bits);
        [left, right] = [right, (left ^ mixed) >>> 0];
      }
      value = left * side + right;
    } while (value >= size);
    return value;
  };
}

const rounds = 6;

/** Seeds may have more than 32 bits: both halves go in. */
function roundKeys(seed: number, epoch: number): number[] {
  let state = mix(seed >>> 0) ^ mix(Math.floor(seed / 2 ** 32) + 0x51ed270b);
  state = mix(state ^ mix(epoch + 0x9e3779b9));
  return Array.from({ length: rounds }, (_, round) => {
    state = mix((state + Math.imul(round + 1, 0x9e3779b9)) >>> 0);
    return state;
  });
}

/** 32-bit finalizer of MurmurHash3 (A. Appleby, public domain). */
function mix(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
