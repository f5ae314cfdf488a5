import { type Disease, diseases } from "../../diagnosis/index.ts";
import { betaQuantile, type ConformalThreshold, fitConformal } from "../../evaluation/index.ts";
import type { Example } from "../../examples/index.ts";
import { estimateDistributions, type TestDistribution } from "../missing/index.ts";
import { type Abstention, fitAbstention, informationIn } from "./abstention.ts";

/**
 * What an assessment needs beside a model's weights: the file assess.json of its directory. All of it comes from notes that the model was
 * not trained on, but the tests' distributions, which are counts of the training notes.
 */
export interface Profile {
  readonly schema: "baltoro.assess/1";
  readonly notes: { readonly train: number; readonly validation: number };
  /** null where the model does not know the disease. */
  readonly diseases: Readonly<Record<Disease, DiseaseProfile | null>>;
  readonly abstention: Abstention | null;
  readonly tests: readonly TestDistribution[];
}

export interface DiseaseProfile {
  /** The 90 % interval at each of `gridSize` probabilities from 0 to 1. */
  readonly low: readonly number[];
  readonly high: readonly number[];
  readonly conformal: ConformalThreshold;
}

/** Probabilities at which intervals are kept. */
const gridSize = 51;

/** Validation notes around a probability whose observed share makes the interval: at least so many, or this share of all. */
const neighbours = { least: 100, share: 0.1 } as const;

export interface ProfileNotes {
  /** What the model was trained on. */
  readonly train: readonly Example[];
  /** Notes that the model was not trained on. */
  readonly validation: readonly Example[];
  /** The model's calibrated probabilities of the validation notes, [N][diseases]. */
  readonly probabilities: readonly (readonly number[])[];
}

/** Makes a model's assess.json. @throws RangeError if there is not one row of probabilities for each validation note */
export function fitProfile({ train, validation, probabilities }: ProfileNotes): Profile {
  if (probabilities.length !== validation.length)
    throw new RangeError(`${probabilities.length} rows of probabilities for ${validation.length} validation notes`);
  const byDisease = diseases.map((disease, c) => {
    const rows = validation.flatMap(({ labels }, n) => {
      const p = probabilities[n][c];
      return labels[c] === undefined || Number.isNaN(p) ? [] : [{ p, label: labels[c] }];
    });
    return [disease, rows.length === 0 ? null : fitDisease(rows)] as const;
  });
  return {
    schema: "baltoro.assess/1",
    notes: { train: train.length, validation: validation.length },
    diseases: Object.fromEntries(byDisease) as Profile["diseases"],
    abstention: fitAbstention(
      validation,
      probabilities,
      validation.map(({ input }) => informationIn(input.text, input.items)),
    ),
    tests: estimateDistributions(train),
  };
}

/**
 * Around each probability of the grid the nearest validation notes are taken; the interval is the central 90 % of Beta(y + 1/2, n − y + 1/2)
 * (Jeffreys), y of the n having the disease. Where a higher probability had fewer of them, the two are averaged (isotonic regression), so
 * that no interval lies below that of a lower probability.
 */
function fitDisease(rows: readonly { readonly p: number; readonly label: 0 | 1 }[]): DiseaseProfile {
  const sorted = rows.toSorted((a, b) => a.p - b.p);
  const size = Math.min(sorted.length, Math.max(neighbours.least, Math.round(sorted.length * neighbours.share)));
  const counts: number[] = [];
  let from = 0;
  for (let g = 0; g < gridSize; g++) {
    const p = g / (gridSize - 1);
    while (from + size < sorted.length && sorted[from + size].p - p < p - sorted[from].p) from++;
    let ill = 0;
    for (let i = from; i < from + size; i++) ill += sorted[i].label;
    counts.push(ill);
  }
  const rising = isotonic(counts);
  // None or all of them ill: the bound is 0 or 1 itself (Brown, Cai and DasGupta 2001).
  const bound = (q: number, certain: number, edge: number): number[] =>
    rising.map((ill) => (ill === certain ? edge : round(betaQuantile(q, ill + 0.5, size - ill + 0.5))));
  const conformal = fitConformal(
    rows.map(({ p }) => p),
    rows.map(({ label }) => label),
  );
  return { low: bound(0.05, 0, 0), high: bound(0.95, size, 1), conformal };
}

/** The nearest sequence that never falls, by least squares (pool adjacent violators). */
function isotonic(values: readonly number[]): number[] {
  const pools: { sum: number; count: number }[] = [];
  for (const value of values) {
    let pool = { sum: value, count: 1 };
    for (let last = pools.at(-1); last && last.sum * pool.count >= pool.sum * last.count; last = pools.at(-1)) {
      pool = { sum: pool.sum + last.sum, count: pool.count + last.count };
      pools.pop();
    }
    pools.push(pool);
  }
  return pools.flatMap(({ sum, count }) => Array.from({ length: count }, () => sum / count));
}

const round = (value: number): number => Math.round(value * 1e4) / 1e4;

/**
 * The interval at a probability, between the points of the grid. It is widened to hold the probability itself where the model is surer than
 * its validation notes bear out: both ends of the doubt are shown.
 */
export function intervalAt({ low, high }: DiseaseProfile, p: number): { low: number; high: number } {
  const at = p * (low.length - 1);
  const before = Math.min(low.length - 2, Math.floor(at));
  const share = at - before;
  const between = (values: readonly number[]) => values[before] * (1 - share) + values[before + 1] * share;
  return { low: Math.min(between(low), p), high: Math.max(between(high), p) };
}
