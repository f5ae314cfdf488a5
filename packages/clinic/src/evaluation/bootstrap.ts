import { generator } from "./random.ts";

export interface BootstrapOptions {
  /** Draws of all notes with replacement. Default 2000. */
  readonly draws?: number;
  /** Default 1. */
  readonly seed?: number;
}

/** A figure and the 95 % percentile interval of its draws. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** How often each of `n` notes is in each draw. The same seed gives the same draws, whatever is computed from them. */
export function* drawCounts(n: number, { draws = 2000, seed = 1 }: BootstrapOptions = {}): Generator<Int32Array> {
  const random = generator(seed);
  const counts = new Int32Array(n);
  for (let draw = 0; draw < draws; draw++) {
    counts.fill(0);
    for (let i = 0; i < n; i++) counts[Math.floor(random() * n)]++;
    yield counts;
  }
}

/**
 * Percentile bootstrap over notes of several statistics at once: each is given how often each note counts, or nothing for the notes
 * as they are. Draws in which a statistic is not finite are left out of its interval. A difference of two models is a statistic
 * like any other: both see the same draw, so it is paired.
 */
export function bootstrap<Name extends string>(
  n: number,
  statistics: (counts: Int32Array | undefined) => Readonly<Record<Name, number>>,
  options: BootstrapOptions = {},
): Record<Name, Estimate> {
  const values = statistics(undefined);
  const names = Object.keys(values) as Name[];
  const drawn = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (const counts of drawCounts(n, options)) {
    const one = statistics(counts);
    for (const name of names) if (Number.isFinite(one[name])) drawn.get(name)?.push(one[name]);
  }
  return Object.fromEntries(
    names.map((name) => {
      const sorted = Float64Array.from(drawn.get(name) ?? []).sort();
      return [name, { value: values[name], low: quantile(sorted, 0.025), high: quantile(sorted, 0.975) }];
    }),
  ) as Record<Name, Estimate>;
}

/** Of sorted values, linear between neighbours. */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  if (sorted.length === 0) return Number.NaN;
  const at = q * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}
