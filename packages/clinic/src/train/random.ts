/** Numbers in [0, 1) from 32-bit words: the same for the same words, whatever was drawn before (splitmix-like mixing). */
export function generator(...words: readonly number[]): () => number {
  let state = 0x9e3779b9;
  for (const word of words) state = mix((state ^ mix(word + 0x85ebca6b)) >>> 0);
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    return mix(state) / 2 ** 32;
  };
}

function mix(value: number): number {
  let z = value >>> 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return (z ^ (z >>> 15)) >>> 0;
}

/** A permutation of 0 … count − 1 (Fisher–Yates). */
export function shuffled(count: number, random: () => number): Int32Array {
  const order = Int32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
