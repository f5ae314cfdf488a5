import type { Item } from "@baltoro/clinic";
import { ageCode, type Group, groupOf, named, numberText, rangeOf, rankOf, unitText } from "./measures.ts";

/** An item with its place in `Assessment.items`. */
export interface Placed {
  readonly index: number;
  readonly item: Item;
}

/** A line of the chart: one code with all that the note says of it. */
export interface ValueRow {
  readonly code: string;
  readonly group: Group;
  /** The last of the patient's current values; of past ones only, the last of those. */
  readonly latest: Placed;
  /** Those before, past ones first, else in the note's order: a note seldom dates its values. */
  readonly earlier: readonly Placed[];
  readonly range?: { readonly low: number; readonly high: number; readonly source: string };
}

/** The chart of a note's items, and those that are not the patient's own (family, limits, settings). The age stands elsewhere. */
export function valueRows(
  items: readonly Item[],
  months: number | undefined,
): { readonly rows: readonly ValueRow[]; readonly others: readonly Placed[] } {
  const placed = items.map((item, index) => ({ item, index })).filter(({ item }) => item.code !== ageCode);
  const own = placed.filter(({ item }) => item.status !== "other");
  const byCode = new Map<string, Placed[]>();
  for (const each of own) byCode.set(each.item.code, [...(byCode.get(each.item.code) ?? []), each]);
  const rows = [...byCode].map(([code, found]): ValueRow => {
    const isPast = ({ item }: Placed) => (item.status === "past" ? 0 : 1);
    const sorted = found.toSorted((a, b) => isPast(a) - isPast(b) || a.item.start - b.item.start || a.index - b.index);
    const latest = sorted[sorted.length - 1];
    const range = rangeOf(code, months);
    const group = groupOf(code, latest.item.result !== undefined);
    return { code, group, latest, earlier: sorted.slice(0, -1), ...(range ? { range } : {}) };
  });
  const groupRanks: readonly Group[] = ["vital", "blood", "inflammation", "gas", "finding", "unknown"];
  rows.sort((a, b) => groupRanks.indexOf(a.group) - groupRanks.indexOf(b.group) || rankOf(a.code) - rankOf(b.code));
  return { rows, others: placed.filter(({ item }) => item.status === "other") };
}

/** One number for a drawing: the value, or the middle of a range. */
export function middleOf({ value, low, high }: Item): number | undefined {
  if (value !== undefined) return value;
  if (low !== undefined && high !== undefined) return (low + high) / 2;
  return low ?? high;
}

/** What an item says, without its unit: `38.6`, `4–10`, `>200`, or a result in words. */
export function valueText(item: Item, results: Readonly<Record<string, string>>): string {
  if (item.result !== undefined) return named(results, item.result);
  const sign = item.comparator === undefined ? "" : { "<": "<", "<=": "≤", ">=": "≥", ">": ">" }[item.comparator];
  if (item.value !== undefined) return sign + numberText(item.value);
  if (item.low !== undefined && item.high !== undefined) return `${numberText(item.low)}–${numberText(item.high)}`;
  const bound = item.low ?? item.high;
  return bound === undefined ? "" : sign + numberText(bound);
}

/** An item as one line of text, with its unit. */
export function itemText(item: Item, results: Readonly<Record<string, string>>, perMinute: string): string {
  const unit = unitText(item.unit, perMinute);
  const value = valueText(item, results);
  return unit === "" ? value : unit === "%" ? `${value}%` : `${value} ${unit}`;
}
