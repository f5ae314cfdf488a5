import { readFileSync } from "node:fs";

/** The range within which values of healthy children of an age lie, in the code's canonical unit. */
export interface ReferenceRange {
  readonly code: string;
  /** Age in months, `from` ≤ age < `to`. */
  readonly from: number;
  readonly to: number;
  readonly low: number;
  readonly high: number;
  readonly source: string;
}

interface RangeFile {
  readonly sources: Readonly<Record<string, string>>;
  readonly ranges: readonly ReferenceRange[];
}

const file = JSON.parse(readFileSync(new URL("./ranges.json", import.meta.url), "utf8")) as RangeFile;

/** All ranges, their sources written out. */
export const referenceRanges: readonly ReferenceRange[] = file.ranges.map((range) => ({
  ...range,
  source: file.sources[range.source],
}));

/** The range for a code at an age in months; undefined where there is none, as for a weight. */
export function referenceRange(code: string, months: number): ReferenceRange | undefined {
  return referenceRanges.find((range) => range.code === code && months >= range.from && months < range.to);
}

/** Where a value, or a range of values, lies: H if any of it is above, else L if any is below. */
export function flagOf(low: number, high: number, range: ReferenceRange): "L" | "N" | "H" {
  if (high > range.high) return "H";
  return low < range.low ? "L" : "N";
}
