import type { Example } from "../../examples/index.ts";
import { ageOf } from "../../examples/index.ts";
import type { Item } from "../../extract/index.ts";
import { stateCount } from "./information.ts";
import { kindOf, numberOf, resultsOf, type Test, tests } from "./tests.ts";

/** Bands of age by their first month. */
export const ageBands: readonly number[] = [0, 12, 36, 72];

/** Which band an age lies in. */
export function bandOf(months: number): number {
  return Math.max(
    0,
    ageBands.findLastIndex((from) => months >= from),
  );
}

/** How often a test's value fell into each bin, by band of age and set of diseases: part of assess.json. */
export interface TestDistribution {
  readonly code: string;
  /** Borders between the bins of a number, increasing; of a test in words empty. */
  readonly edges: readonly number[];
  /** [bands][states][bins] */
  readonly counts: readonly (readonly (readonly number[])[])[];
}

/** Bins of a number; fewest values of a test for it to be offered. */
const numberBins = 6;
const fewestValues = 150;

/** Weight of what all ages and sets have in common, in values: few values of a set lean on it. */
const shrinkage = 20;

/** Counts the values of every test in training notes, as stage 1 reads them. */
export function estimateDistributions(examples: readonly Example[]): TestDistribution[] {
  const rows = examples.flatMap((example) => {
    const { labels, input } = example;
    const age = example.ageMonths ?? ageOf(input.items);
    if (age === undefined || labels.some((label) => label === undefined)) return [];
    const state = labels.reduce<number>((bits, label, c) => bits | (label === 1 ? 1 << c : 0), 0);
    return [{ band: bandOf(age), state, items: input.items }];
  });
  return tests.flatMap((test) => {
    const values = rows.flatMap(({ band, state, items }) => {
      const value = firstResult(test, items);
      return value === undefined ? [] : [{ band, state, value }];
    });
    if (values.length < fewestValues) return [];
    const edges = test.kinds ? [] : quantileEdges(values.map(({ value }) => value));
    const bins = test.kinds ? test.kinds.length + 1 : edges.length + 1;
    const counts = ageBands.map(() => Array.from({ length: stateCount }, () => new Array<number>(bins).fill(0)));
    for (const { band, state, value } of values) counts[band][state][binOf(value, edges, test)]++;
    return [{ code: test.code, edges, counts }];
  });
}

/** The value that a note states first: a number, or the kind of a result in words. */
function firstResult(test: Test, items: readonly Item[]): number | undefined {
  for (const item of resultsOf(test, items)) {
    const value = test.kinds ? (item.result === undefined ? undefined : kindOf(test, item.result)) : numberOf(item);
    if (value !== undefined) return value;
  }
  return undefined;
}

function quantileEdges(values: readonly number[]): number[] {
  const sorted = values.toSorted((a, b) => a - b);
  const edges = Array.from(
    { length: numberBins - 1 },
    (_, i) => sorted[Math.floor(((i + 1) * sorted.length) / numberBins)],
  );
  return [...new Set(edges)];
}

function binOf(value: number, edges: readonly number[], test: Test): number {
  if (test.kinds) return value;
  const bin = edges.findIndex((edge) => value < edge);
  return bin >= 0 ? bin : edges.length;
}

/**
 * P(bin | set of diseases) at an age. A set's own counts lean on what its diseases share one by one at this age, those on all children of
 * the age, and those on all notes; each with the weight of a few values.
 *
 * @returns [states][bins], rows summing to 1
 */
export function likelihoodAt({ counts }: TestDistribution, months: number): number[][] {
  const band = counts[bandOf(months)];
  const bins = band[0].length;
  const uniform = new Array<number>(bins).fill(1 / bins);
  const everywhere = lean(sum(counts.flat()), uniform, 1);
  const ofAge = lean(sum(band), everywhere, shrinkage);
  const singles = band.map((_, state) =>
    lean(sum(band.filter((_, other) => (other & state) === state && state !== 0)), ofAge, shrinkage),
  );
  return band.map((own, state) => {
    const parts = Array.from({ length: 31 }, (_, c) => 1 << c).filter((bit) => bit < band.length && state & bit);
    const base = parts.length === 0 ? ofAge : mean(parts.map((bit) => singles[bit]));
    return lean(own, base, shrinkage);
  });
}

function sum(rows: readonly (readonly number[])[]): number[] {
  return rows.reduce<number[]>((total, row) => row.map((value, b) => value + (total[b] ?? 0)), []);
}

function mean(rows: readonly (readonly number[])[]): number[] {
  return sum(rows).map((value) => value / rows.length);
}

/** Shares of counts, with a base that weighs as much as `weight` values. */
function lean(counts: readonly number[], base: readonly number[], weight: number): number[] {
  const total = counts.reduce((all, value) => all + value, 0) + weight;
  return base.map((share, b) => ((counts[b] ?? 0) + weight * share) / total);
}
