/** Seeded random numbers: the same seed and index give the same patient, whatever was drawn before. */
export interface Random {
  /** In [0, 1). */
  uniform(): number;
  normal(): number;
  chance(probability: number): boolean;
  /** Whole number, `low` and `high` inclusive. */
  integer(low: number, high: number): number;
  pick<T>(list: readonly T[]): T;
  /** An index, in proportion to the weights. */
  weighted(weights: ArrayLike<number>): number;
  shuffle<T>(list: readonly T[]): T[];
}

/** sfc32 (C. Doty-Humphrey, PractRand), seeded by splitmix-style mixing of the three numbers. */
export function randomOf(seed: number, index: number, stream: number): Random {
  let h = (seed ^ 0x9e3779b9) >>> 0;
  const mix = (word: number): number => {
    h = Math.imul(h ^ word, 0x85ebca6b) >>> 0;
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35) >>> 0;
    h = (h ^ (h >>> 16)) >>> 0;
    return h;
  };
  let a = mix(index);
  let b = mix(stream + 0x51ed270b);
  let c = mix(Math.floor(seed / 2 ** 32));
  let counter = 1;
  const next = (): number => {
    const t = (a + b + counter++) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + t) | 0;
    return t >>> 0;
  };
  for (let i = 0; i < 12; i++) next();
  const uniform = (): number => ((next() >>> 5) * 67108864 + (next() >>> 6)) / 2 ** 53;
  const integer = (low: number, high: number): number => low + Math.floor(uniform() * (high - low + 1));
  return {
    uniform,
    integer,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    chance: (probability) => uniform() < probability,
    pick: (list) => list[Math.floor(uniform() * list.length)],
    weighted(weights) {
      let sum = 0;
      for (let i = 0; i < weights.length; i++) sum += weights[i];
      let left = uniform() * sum;
      for (let i = 0; i < weights.length; i++) {
        left -= weights[i];
        if (left < 0) return i;
      }
      return weights.length - 1;
    },
    shuffle(list) {
      const copy = [...list];
      for (let i = copy.length - 1; i > 0; i--) {
        const j = integer(0, i);
        [copy[i], copy[j]] = [copy[j], copy[i]];
      }
      return copy;
    },
  };
}
