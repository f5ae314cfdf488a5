import { measures } from "../codes/index.ts";
import type { ModelInput } from "../diagnosis/index.ts";
import type { Item } from "../extract/index.ts";
import { referenceRange } from "../reference/index.ts";

const ageCode = "30525-0";

/** Knots of each code's values: quantiles of the training notes. */
export interface MeasurementScale {
  readonly code: string;
  /** Empty for a qualitative test. Increasing. */
  readonly knots: readonly number[];
}

/** The codes that a model knows, in the order of its tables: part of its config.json. */
export type MeasurementScales = readonly MeasurementScale[];

/** Knots per code of the value. */
export const valueKnots = 8;
/** Knots of the deviation from the reference range, in halves of its width from its middle: −1 and 1 are its limits. */
export const deviationKnots = [-4, -2, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3, 6, 16] as const;
const statuses = ["current", "past", "other"] as const;
const results = ["negative", "positive", "indeterminate", "finding"] as const;
/** Rows of the table of what a measurement says beside its value: statuses, results, comparators, missing. */
export const stateRows = { status: 0, result: 3, comparator: 7, missing: 9, dropped: 10, count: 11 } as const;
/** Numbers per code in a note's structured vector. */
export const perCode = 3;
/** Numbers of a note beside those per code: age known, log age. */
export const beside = 2;

/** One measurement as rows of tables: −1 adds nothing. */
export interface Measurement {
  /** Index into the input's items, −1 for one that is missing. */
  readonly item: number;
  readonly code: number;
  /** Rows of the state table. */
  readonly states: readonly [number, number, number];
  /** Lower knot and the share of the next one. */
  readonly value: readonly [number, number];
  readonly deviation: readonly [number, number];
}

/** A note's structured part. */
export interface StructuredNote {
  readonly measurements: readonly Measurement[];
  /** [codes · perCode + beside]: present, scaled value, deviation of each code; 0 throughout for a code that is missing. */
  readonly vector: Float32Array;
}

/** Learns which codes there are and how their values lie. The same inputs give the same scales. */
export function learnScales(inputs: Iterable<ModelInput>): MeasurementScales {
  const values = new Map<string, number[]>([...measures.keys()].map((code) => [code, []]));
  const counts = new Map<string, number>();
  for (const { items } of inputs) {
    for (const item of items) {
      const value = numberOf(item);
      counts.set(item.code, (counts.get(item.code) ?? 0) + 1);
      const list = values.get(item.code) ?? [];
      if (value !== undefined) list.push(value);
      values.set(item.code, list);
    }
  }
  return [...values]
    .filter(([code]) => measures.has(code) || (counts.get(code) ?? 0) >= 5)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, list]) => ({ code, knots: quantiles(list) }));
}

function quantiles(values: number[]): number[] {
  if (values.length === 0) return [];
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))];
  const knots = Array.from({ length: valueKnots }, (_, i) => at(0.01 + (0.98 * i) / (valueKnots - 1)));
  return [...new Set(knots)];
}

/** A single number for a value or the middle of a range. */
export function numberOf({ value, low, high }: Item): number | undefined {
  if (value !== undefined) return value;
  return low !== undefined && high !== undefined ? (low + high) / 2 : (low ?? high);
}

/** Turns what stage 1 found into rows and numbers. `missing`: codes whose absence is a measurement of its own, by index. */
export function structure(
  { items }: ModelInput,
  scales: MeasurementScales,
  index: ReadonlyMap<string, number>,
  missing: readonly number[],
): StructuredNote {
  const age = items.find(({ code, status }) => code === ageCode && status === "current");
  const months = age && numberOf(age);
  const vector = new Float32Array(scales.length * perCode + beside);
  const measurements: Measurement[] = [];
  for (const [i, item] of items.entries()) {
    const code = index.get(item.code);
    if (code === undefined) continue;
    const measurement = measure(item, i, code, scales[code].knots, months);
    measurements.push(measurement);
    if (item.status === "current") describe(vector, item, measurement, scales[code].knots, months);
  }
  for (const code of missing) {
    if (vector[code * perCode] === 0) measurements.push(missingOf(code));
  }
  vector[vector.length - 2] = months === undefined ? 0 : 1;
  vector[vector.length - 1] = months === undefined ? 0 : Math.log1p(months) - 3.5;
  return { measurements, vector };
}

const nothing = [-1, 0] as const;

function missingOf(code: number): Measurement {
  return { item: -1, code, states: [stateRows.missing, -1, -1], value: nothing, deviation: nothing };
}

function measure(
  item: Item,
  index: number,
  code: number,
  knots: readonly number[],
  months: number | undefined,
): Measurement {
  const number = numberOf(item);
  const { result, comparator, status } = item;
  const states = [
    stateRows.status + statuses.indexOf(status),
    result === undefined ? -1 : stateRows.result + resultOf(result),
    comparator === undefined ? -1 : stateRows.comparator + (comparator.startsWith("<") ? 0 : 1),
  ] as const;
  if (number === undefined) return { item: index, code, states, value: nothing, deviation: nothing };
  const deviation = deviationOf(item.code, number, months);
  const place = (at: number, list: readonly number[], width: number) => {
    const [lower, share] = between(at, list);
    return [code * width + lower, share] as const;
  };
  return {
    item: index,
    code,
    states,
    value: knots.length > 0 ? place(number, knots, valueKnots) : nothing,
    deviation: deviation === undefined ? nothing : place(deviation, deviationKnots, deviationKnots.length),
  };
}

function resultOf(result: string): number {
  const known = (results as readonly string[]).indexOf(result);
  if (known >= 0) return known;
  // A titre of 1:80 and more counts as positive, as laboratories print it.
  const titre = /1\s*[:：]\s*(\d+)/.exec(result);
  return titre ? results.indexOf(Number(titre[1]) >= 80 ? "positive" : "negative") : results.indexOf("finding");
}

/** Months of age that a note without one is read by. */
const usualMonths = 36;

function deviationOf(code: string, value: number, months: number | undefined): number | undefined {
  const range = referenceRange(code, months ?? usualMonths);
  if (!range || range.high <= range.low) return undefined;
  return (2 * value - range.low - range.high) / (range.high - range.low);
}

/** Index of the knot below a value and the share of the next one: linear between knots, flat outside them. */
function between(value: number, knots: readonly number[]): [number, number] {
  const last = knots.length - 1;
  if (last === 0 || value <= knots[0]) return [0, 0];
  if (value >= knots[last]) return [last - 1, 1];
  let lower = 0;
  while (knots[lower + 1] < value) lower++;
  return [lower, (value - knots[lower]) / (knots[lower + 1] - knots[lower])];
}

/** The most abnormal of several results of a code stands in the vector. */
function describe(
  vector: Float32Array,
  item: Item,
  { code, states }: Measurement,
  knots: readonly number[],
  months: number | undefined,
): void {
  const at = code * perCode;
  const number = numberOf(item);
  if (number === undefined) {
    const sign = states[1] === stateRows.result ? -1 : states[1] === stateRows.result + 2 ? 0 : 1;
    if (vector[at] === 0 || sign > vector[at + 1]) vector.set([1, sign, 0], at);
    return;
  }
  const deviation = deviationOf(item.code, number, months) ?? 0;
  const squashed = Math.sign(deviation) * Math.log1p(Math.abs(deviation));
  if (vector[at] === 1 && Math.abs(squashed) <= Math.abs(vector[at + 2])) return;
  const [lower, share] = knots.length > 0 ? between(number, knots) : [0, 0];
  const scaled = knots.length > 1 ? (2 * (lower + share)) / (knots.length - 1) - 1 : 0;
  vector.set([1, scaled, squashed], at);
}
