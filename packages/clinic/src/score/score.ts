import type { Item } from "../extract/index.ts";
import { type Matching, type MatchOptions, matchItems } from "./match.ts";

/** How many were there, found, and both; with what follows from it. A ratio of nothing is NaN. */
export interface Score {
  readonly labels: number;
  readonly found: number;
  readonly matched: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

export interface ScoredNote extends Matching {
  readonly id: string;
}

export interface ScoreReport {
  readonly overall: Score;
  /** By LOINC code, in the codes' order. */
  readonly byCode: ReadonlyMap<string, Score>;
  readonly notes: readonly ScoredNote[];
}

/** Precision, recall and F1 of counts. */
export function scoreOf(labels: number, found: number, matched: number): Score {
  return {
    labels,
    found,
    matched,
    precision: matched / found,
    recall: matched / labels,
    f1: (2 * matched) / (labels + found),
  };
}

/**
 * Scores what was found in each note, micro-averaged over all items: a match is note, code, value within 1 % and status.
 * @throws RangeError where a labelled note was not read or an id stands twice.
 */
export function scoreNotes(
  labelled: readonly { readonly id: string; readonly items: readonly Item[] }[],
  foundIn: ReadonlyMap<string, readonly Item[]>,
  options: MatchOptions = {},
): ScoreReport {
  const seen = new Set<string>();
  const notes = labelled.map(({ id, items }): ScoredNote => {
    if (seen.has(id)) throw new RangeError(`score: note ${id} is labelled twice`);
    seen.add(id);
    const found = foundIn.get(id);
    if (!found)
      throw new RangeError(`score: nothing was extracted for note ${id}; give an empty list if none was found`);
    return { id, ...matchItems(items, found, options) };
  });
  const codes = new Set(
    notes.flatMap(({ matched, missed, spurious }) =>
      [...matched.map(({ label }) => label), ...missed, ...spurious].map(({ code }) => code),
    ),
  );
  return {
    overall: countNotes(notes, () => true),
    byCode: new Map([...codes].sort().map((code) => [code, countNotes(notes, (item) => item.code === code)])),
    notes,
  };
}

function countNotes(notes: readonly Matching[], counts: (item: Item) => boolean): Score {
  let [matched, missed, spurious] = [0, 0, 0];
  for (const note of notes) {
    matched += note.matched.filter(({ label }) => counts(label)).length;
    missed += note.missed.filter(counts).length;
    spurious += note.spurious.filter(counts).length;
  }
  return scoreOf(matched + missed, matched + spurious, matched);
}
