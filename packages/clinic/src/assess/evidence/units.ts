import type { Item } from "../../extract/index.ts";
import { sentencesOf } from "../mentions/index.ts";

/** A part of a note that is judged as a whole: a clause, or a value with its name. */
export interface Unit {
  readonly start: number;
  readonly end: number;
  /** Indices of the items whose spans begin in it. A value that came beside the note is a unit without a span. */
  readonly items: readonly number[];
}

const isSpace = (code: number): boolean => code <= 0x20 || code === 0x3000 || code === 0xa0;

/** Units at most; where a note has more, neighbours are joined, so that the work is bounded. */
const mostUnits = 400;

/** Characters after a value that belong to it all the same: a flag, a bracket. */
const shortest = 3;

/**
 * Cuts a note into units: its clauses, each cut again after every value, so that what leads to a value is named with it.
 *
 * @param codes the normalized note
 * @param limit where the text ends that is cut; a value after it is a unit of its own
 */
export function unitsOf(codes: Uint16Array, items: readonly Item[], limit = codes.length): Unit[] {
  return [...unitsWithin(codes.subarray(0, limit), items), ...valuesAfter(items, limit)];
}

function valuesAfter(items: readonly Item[], limit: number): Unit[] {
  const own = items.flatMap((item, i) => {
    if (item.end === item.start) return [{ start: 0, end: 0, items: [i] }];
    return item.start >= limit ? [{ start: item.start, end: item.end, items: [i] }] : [];
  });
  // Spans must not overlap: a value inside another's span goes with it.
  const units: { start: number; end: number; items: number[] }[] = [];
  for (const unit of own.toSorted((a, b) => a.start - b.start)) {
    const last = units.at(-1);
    if (last && unit.end > unit.start && unit.start < last.end) last.items.push(...unit.items);
    else units.push(unit);
  }
  return units.slice(0, mostUnits);
}

function unitsWithin(codes: Uint16Array, items: readonly Item[]): Unit[] {
  const placed = items.flatMap(({ start, end }, i) => (end > start && start < codes.length ? [{ i, start, end }] : []));
  placed.sort((a, b) => a.start - b.start);
  const clauseEnds = new Set<number>();
  for (const { clauses } of sentencesOf(codes)) for (const at of clauses) clauseEnds.add(at);
  // A comma within a value, as in 1,200, is no border.
  for (const { start, end } of placed)
    for (let at = start + 1; at < Math.min(end, start + 64); at++) clauseEnds.delete(at);
  const valueEnds = placed.filter(({ i }) => items[i].unit !== "").map(({ end }) => end);
  const borders = [...new Set([...clauseEnds, ...valueEnds])].sort((a, b) => a - b);
  let units: Unit[] = [];
  let from = 0;
  let next = 0;
  for (const [b, border] of borders.entries()) {
    const following = borders[b + 1] ?? codes.length;
    if (border - from < 1) continue;
    // A word of one or two characters after a value is its tail, not a clause.
    if (border < codes.length && following - border <= shortest && clauseEnds.has(following)) continue;
    const own: number[] = [];
    while (next < placed.length && placed[next].start < border) own.push(placed[next++].i);
    const unit = trim(codes, from, border, own);
    if (unit) units.push(unit);
    from = border;
  }
  while (units.length > mostUnits) units = joinPairs(units);
  return units;
}

/** Without the space and punctuation around it; undefined where nothing is left. */
function trim(codes: Uint16Array, from: number, to: number, items: readonly number[]): Unit | undefined {
  const isEdge = (at: number): boolean => isSpace(codes[at]) || ",.;:!?-/、。".includes(String.fromCharCode(codes[at]));
  let [start, end] = [from, to];
  while (start < end && isEdge(start)) start++;
  while (end > start && isEdge(end - 1)) end--;
  return end > start ? { start, end, items } : undefined;
}

function joinPairs(units: readonly Unit[]): Unit[] {
  const joined: Unit[] = [];
  for (let i = 0; i < units.length; i += 2) {
    const [a, b] = [units[i], units[i + 1] as Unit | undefined];
    joined.push(b ? { start: a.start, end: b.end, items: [...a.items, ...b.items] } : a);
  }
  return joined;
}
