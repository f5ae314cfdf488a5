import type { ModelInput } from "../diagnosis/index.ts";
import type { Item } from "../extract/index.ts";

/** What a structured model reads, by name; absent is missing. */
export type Measurements = ReadonlyMap<string, number>;

const flags = { L: -1, N: 0, H: 1 } as const;

/**
 * The first current result of each code (its middle where a range), its flag as −1, 0, 1, and the most of it where there are several;
 * of a qualitative test 1 positive, 0 negative, ½ indeterminate, and 1 for each finding as stated.
 */
export function measurementsOf({ items }: ModelInput): Measurements {
  const values = new Map<string, number>();
  for (const item of items) {
    if (item.status !== "current") continue;
    if (item.result !== undefined) {
      const { name, value } = finding(item, item.result);
      values.set(name, Math.max(value, values.get(name) ?? 0));
      continue;
    }
    const value = item.value ?? ((item.low ?? Number.NaN) + (item.high ?? Number.NaN)) / 2;
    if (!Number.isFinite(value)) continue;
    if (!values.has(item.code)) values.set(item.code, value);
    values.set(`${item.code} most`, Math.max(value, values.get(`${item.code} most`) ?? value));
    if (item.flag !== undefined && !values.has(`${item.code} flag`)) values.set(`${item.code} flag`, flags[item.flag]);
  }
  return values;
}

const outcomes: Readonly<Record<string, number>> = { positive: 1, negative: 0, indeterminate: 0.5 };

function finding({ code }: Item, result: string): { name: string; value: number } {
  const value = outcomes[result];
  if (value !== undefined) return { name: code, value };
  // A titre counts as its test being positive.
  if (/^1\s*[:：]\s*\d/.test(result)) return { name: code, value: 1 };
  return { name: `${code} = ${result}`, value: 1 };
}

/** Columns that enough training notes have. */
export interface MeasurementColumns {
  readonly names: readonly string[];
}

export function learnColumns(all: readonly Measurements[], fewestNotes = 5): MeasurementColumns {
  const counts = new Map<string, number>();
  for (const one of all) for (const name of one.keys()) counts.set(name, (counts.get(name) ?? 0) + 1);
  return {
    names: [...counts]
      .filter(([, count]) => count >= fewestNotes)
      .map(([name]) => name)
      .sort(),
  };
}

/** One column for each name, NaN where missing: [columns][notes]. */
export function measurementColumns(all: readonly Measurements[], { names }: MeasurementColumns): Float64Array[] {
  return names.map((name) => Float64Array.from(all, (one) => one.get(name) ?? Number.NaN));
}
