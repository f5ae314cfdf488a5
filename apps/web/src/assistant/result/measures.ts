import ranges from "../../../../../packages/clinic/src/reference/ranges.json" with { type: "json" };

/** Under which heading a value stands. */
export type Group = "vital" | "blood" | "inflammation" | "gas" | "finding" | "unknown";

/** Codes of {@link Group}s in the order of a chart. */
const groups: Readonly<Record<Exclude<Group, "finding" | "unknown">, readonly string[]>> = {
  vital: ["8310-5", "8867-4", "9279-1", "59408-5", "8480-6", "8462-4", "29463-7"],
  blood: ["6690-2", "770-8", "736-9", "713-8", "751-8", "731-0", "26449-9", "718-7", "4544-3", "777-3"],
  inflammation: ["1988-5", "30522-7", "33959-8", "30341-2"],
  gas: ["2744-1", "2019-8", "2703-7"],
};

/** Patient's age: shown with the note, not among the values. */
export const ageCode = "30525-0";

const order = new Map(
  Object.entries(groups).flatMap(([group, codes]) => codes.map((code) => [code, group as Group] as const)),
);
const ranks = new Map([...order.keys()].map((code, i) => [code, i]));

/** The heading of a code; a test with a result in words is a finding. */
export function groupOf(code: string, hasResult: boolean): Group {
  return order.get(code) ?? (hasResult ? "finding" : "unknown");
}

/** What a table says of a key that came from a note or a server: its own entries only, else the key itself. */
export function named(table: Readonly<Record<string, string>>, key: string): string {
  return Object.hasOwn(table, key) ? table[key] : key;
}

/** Where a code stands in a chart; those without a place come last. */
export function rankOf(code: string): number {
  return ranks.get(code) ?? ranks.size;
}

/** The reference range of healthy children of an age in months, and where it is from; undefined where there is none. */
export function rangeOf(
  code: string,
  months: number | undefined,
): { low: number; high: number; source: string } | undefined {
  if (months === undefined) return undefined;
  const range = ranges.ranges.find((each) => each.code === code && months >= each.from && months < each.to);
  if (range === undefined) return undefined;
  const source = named(ranges.sources, range.source);
  return { low: range.low, high: range.high, source };
}

const units: Readonly<Record<string, string>> = {
  Cel: "°C",
  "10*9/L": "×10⁹/L",
  "mm[Hg]": "mmHg",
  "[pH]": "",
  mo: "mo",
};

/** A UCUM unit as a chart prints it. */
export function unitText(unit: string, perMinute: string): string {
  return unit === "/min" ? perMinute : named(units, unit);
}

/** A number without the noise of a conversion: at most four significant digits behind the point, none cut before it. */
export function numberText(value: number): string {
  return String(Number(Math.abs(value) >= 1000 ? value.toFixed(0) : value.toPrecision(4)));
}

/** A probability in percent. The ends are never shown as certain; a disease that the model does not know has none (NaN, null in JSON). */
export function percentText(probability: number): string {
  if (!Number.isFinite(probability)) return "–";
  const percent = probability * 100;
  if (percent < 0.5 && percent > 0) return "<1%";
  if (percent > 99.5 && percent < 100) return ">99%";
  return `${Math.round(percent)}%`;
}
