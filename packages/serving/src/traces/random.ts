/** Seeded uniform numbers and what is drawn with them. Not for secrets. */
export interface Random {
  /** Uniform in [0, 1), 32 bits. */
  uniform(): number;
  /** Exponential with mean 1. */
  exponential(): number;
  /** Standard normal. */
  normal(): number;
  /** Gamma of a shape > 0, scale 1 (Marsaglia and Tsang, 2000). */
  gamma(shape: number): number;
}

/**
 * Chris Doty-Humphrey's sfc32. The same seed gives the same numbers on every machine.
 * @throws RangeError unless the seed is a whole number from 0 to 2⁵³ − 1.
 */
export function seededRandom(seed: number): Random {
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new RangeError(`seed is ${seed}, expected a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`);
  let [a, b, c, counter] = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0, 0x9e3779b9, 1];
  const next = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  // The state is mixed after 12 rounds, by its author.
  for (let i = 0; i < 15; i++) next();

  const uniform = () => next() / 2 ** 32;
  // In (0, 1]: its logarithm is finite.
  const positive = () => (next() + 1) / 2 ** 32;
  const normal = () => Math.sqrt(-2 * Math.log(positive())) * Math.cos(2 * Math.PI * uniform());
  const gamma = (shape: number): number => {
    if (shape < 1) return gamma(shape + 1) * positive() ** (1 / shape);
    const d = shape - 1 / 3;
    const k = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = normal();
      const v = (1 + k * x) ** 3;
      if (v > 0 && Math.log(positive()) < x * x * 0.5 + d - d * v + d * Math.log(v)) return d * v;
    }
  };
  return { uniform, exponential: () => -Math.log(positive()), normal, gamma };
}

/** A uniform number in [0, 1) that depends on a seed and an index only, whatever was drawn before. */
export function uniformAt(seed: number, index: number): number {
  let x = Math.imul(seed ^ (seed / 2 ** 32), 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return ((x ^ (x >>> 15)) >>> 0) / 2 ** 32;
}
