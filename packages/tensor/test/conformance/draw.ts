import { normal, uniform } from "@baltoro/tensor";

/** The next draw: draws are numbered, so that the same first seed gives the same cases. */
let seed = 0;

export function seedDraws(firstSeed: number): void {
  seed = firstSeed;
}

export const random = (count: number, scale = 1): Float32Array => normal(7, seed++, count, scale);
export const positive = (count: number): Float32Array => uniform(7, seed++, count).map((value) => 0.1 + value);
export const integers = (count: number, below: number): Int32Array =>
  Int32Array.from(uniform(7, seed++, count), (value) => Math.floor(value * below));
export const zeros = (count: number): Float32Array => new Float32Array(count);

/** Non-decreasing ids of documents of random lengths. */
export function documentIds(batch: number, sequence: number): Int32Array {
  const starts = uniform(7, seed++, batch * sequence);
  const ids = new Int32Array(batch * sequence);
  for (let i = 0; i < ids.length; i++) ids[i] = i % sequence === 0 ? 0 : ids[i - 1] + (starts[i] < 0.15 ? 1 : 0);
  return ids;
}

/** k different experts for each row, at random, and their order by expert: `order` and `inverse` as of `sortByExpert`. */
export function choices(rows: number, experts: number, k: number) {
  const indices = new Int32Array(rows * k);
  const draw = uniform(7, seed++, rows * experts);
  for (let t = 0; t < rows; t++) {
    const order = Array.from({ length: experts }, (_, e) => e).sort(
      (a, b) => draw[t * experts + a] - draw[t * experts + b],
    );
    for (let j = 0; j < k; j++) indices[t * k + j] = order[j];
  }
  const rank = Array.from({ length: rows * k }, (_, choice) => choice).sort((a, b) => indices[a] - indices[b] || a - b);
  const inverse = new Int32Array(rows * k);
  for (const [row, choice] of rank.entries()) inverse[choice] = row;
  return { indices, order: Int32Array.from(rank), inverse };
}
