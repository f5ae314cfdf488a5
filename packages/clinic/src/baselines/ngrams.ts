import { collapseMasks } from "../examples/index.ts";
import { type SparseRow, type SparseRows, sparseRows } from "./sparse.ts";

export interface NgramOptions {
  /** Characters of a term. Default 1…3. */
  readonly shortest?: number;
  readonly longest?: number;
  /** Terms of fewer training notes are left out. Default 2. */
  readonly fewestNotes?: number;
}

/** Terms with their inverse document frequencies. */
export interface NgramVocabulary {
  readonly shortest: number;
  readonly longest: number;
  readonly terms: ReadonlyMap<string, number>;
  readonly idf: Float64Array;
}

/** Case is dropped, white space is one blank, a masked name is one character. */
function prepare(text: string): string {
  return collapseMasks(text).toLowerCase().replace(/\s+/g, " ").trim();
}

/** How often each term stands in the text. */
export function countNgrams(text: string, shortest: number, longest: number): Map<string, number> {
  const clean = prepare(text);
  const counts = new Map<string, number>();
  for (let length = shortest; length <= longest; length++) {
    for (let i = 0; i + length <= clean.length; i++) {
      const term = clean.slice(i, i + length);
      counts.set(term, (counts.get(term) ?? 0) + 1);
    }
  }
  return counts;
}

/** Learns terms from training notes: idf = ln((1 + N) / (1 + n)) + 1. */
export function learnNgrams(texts: readonly string[], options: NgramOptions = {}): NgramVocabulary {
  const { shortest = 1, longest = 3, fewestNotes = 2 } = options;
  return learnTerms(
    texts.map((text) => countNgrams(text, shortest, longest)),
    { shortest, longest, fewestNotes },
  );
}

/** The same of terms that are counted already. */
export function learnTerms(
  counts: readonly ReadonlyMap<string, number>[],
  { shortest = 1, longest = 3, fewestNotes = 2 }: NgramOptions = {},
): NgramVocabulary {
  const notes = new Map<string, number>();
  for (const one of counts) for (const term of one.keys()) notes.set(term, (notes.get(term) ?? 0) + 1);
  const kept = [...notes].filter(([, count]) => count >= fewestNotes);
  return {
    ...{ shortest, longest },
    terms: new Map(kept.map(([term], i) => [term, i])),
    idf: Float64Array.from(kept, ([, count]) => Math.log((1 + counts.length) / (1 + count)) + 1),
  };
}

/** Rows of (1 + ln tf) · idf, each of length 1. */
export function ngramRows(texts: readonly string[], vocabulary: NgramVocabulary): SparseRows {
  return termRows(
    texts.map((text) => countNgrams(text, vocabulary.shortest, vocabulary.longest)),
    vocabulary,
  );
}

export function termRows(counts: readonly ReadonlyMap<string, number>[], vocabulary: NgramVocabulary): SparseRows {
  const rows = counts.map((one): SparseRow => {
    const row: [number, number][] = [];
    let squares = 0;
    for (const [term, count] of one) {
      const column = vocabulary.terms.get(term);
      if (column === undefined) continue;
      const value = (1 + Math.log(count)) * vocabulary.idf[column];
      squares += value * value;
      row.push([column, value]);
    }
    const norm = Math.sqrt(squares) || 1;
    return row.map(([column, value]) => [column, value / norm]);
  });
  return sparseRows(rows, vocabulary.terms.size);
}
