import { measures } from "../codes/index.ts";
import type { Status } from "../extract/item.ts";
import { createNormalizer } from "../extract/normalize.ts";
import { buildTrie, type Trie } from "./trie.ts";
import type { Cue, LexiconFile, Observation, QualitativeTest, UnitEntry } from "./types.ts";
import { type WordClass, wordClasses } from "./words.ts";

/** All that a spelling may mean. */
export interface Term {
  readonly spelling: string;
  /** Indices of observations, the likelier first. */
  names: number[];
  hints: number[];
  short: number[];
  after: number[];
  alone: number;
  contextual: { observation: number; near: WordClass }[];
  pair: boolean;
  /** Observations that it names at once, in order. */
  row: readonly number[] | undefined;
  foreign: boolean;
  unit: UnitEntry | undefined;
  /** Bit set over {@link wordClasses}: the low 30 and the others. */
  classes: number;
  classesHigh: number;
  cues: number[];
  section: Status | undefined;
  tests: number[];
  result: string | undefined;
  finding: boolean;
  /** Months, of a word that is an age. */
  age: number | undefined;
  /** Of a number word. */
  numeral: number | undefined;
}

/** A lexicon made ready for the scanner. */
export interface Lexicon {
  readonly observations: readonly Observation[];
  readonly cues: readonly Cue[];
  readonly tests: readonly QualitativeTest[];
  readonly terms: readonly Term[];
  readonly trie: Trie;
  /** The term that stands for a UCUM unit; of an unknown one, a unit that fits nothing. */
  unitTerm(unit: string): number;
  normalize(text: string): Uint16Array;
}

const bitOf = Object.fromEntries(wordClasses.map((name, bit) => [name, bit])) as Readonly<Record<WordClass, number>>;

/** Whether a term belongs to a class of words. */
export function isOf(term: Term | undefined, name: WordClass): boolean {
  if (!term) return false;
  const bit = bitOf[name];
  return bit < 30 ? (term.classes & (1 << bit)) !== 0 : (term.classesHigh & (1 << (bit - 30))) !== 0;
}

/** Builds the tables of a lexicon from files that are already checked, later files adding to earlier ones. */
export function compileLexicon(files: readonly LexiconFile[]): Lexicon {
  const variants = files.map((file) => file.variants ?? "").join("");
  const normalize = createNormalizer(variants);
  const observations = mergeObservations(files);
  const cues = files.flatMap((file) => file.cues ?? []);
  const tests = files.flatMap((file) => file.tests ?? []);
  const terms: Term[] = [];
  const index = new Map<string, Term>();
  const termOf = (spelling: string): Term => {
    const key = String.fromCharCode(...normalize(spelling.trim()));
    let term = index.get(key);
    if (!term) {
      term = {
        ...{ spelling: key, names: [], hints: [], short: [], after: [], alone: -1, contextual: [], pair: false },
        ...{ row: undefined, foreign: false },
        ...{ unit: undefined, classes: 0, classesHigh: 0, cues: [], section: undefined, tests: [] },
        ...{ result: undefined, finding: false, numeral: undefined, age: undefined },
      };
      index.set(key, term);
      terms.push(term);
    }
    return term;
  };

  observations.forEach((observation, i) => {
    for (const word of observation.names) termOf(word).names.push(i);
    for (const word of observation.hints ?? []) termOf(word).hints.push(i);
    for (const word of observation.short ?? []) termOf(word).short.push(i);
    for (const word of observation.after ?? []) termOf(word).after.push(i);
    for (const word of observation.alone ?? []) termOf(word).alone = i;
    for (const word of observation.pairs ?? []) termOf(word).pair = true;
    for (const { word, near } of observation.contextual ?? [])
      termOf(word).contextual.push({ observation: i, near: near as WordClass });
    if (observation.sharesNamesOf === undefined) return;
    const other = observations.find(({ code }) => code === observation.sharesNamesOf);
    for (const word of other?.names ?? []) termOf(word).names.push(i);
    for (const word of other?.short ?? []) termOf(word).short.push(i);
    for (const word of other?.after ?? []) termOf(word).after.push(i);
  });
  // A spelling that names both a share and a count is the likelier first: the one whose own name it is.
  for (const term of terms) {
    const own = (i: number): number => (observations[i].names.includes(term.spelling) ? 0 : 1);
    term.names.sort((a, b) => own(a) - own(b));
  }
  for (const file of files) {
    for (const unit of file.units ?? []) for (const word of unit.spellings) termOf(word).unit = unit;
    for (const word of file.foreign ?? []) termOf(word).foreign = true;
    for (const [name, words] of Object.entries(file.words ?? {})) {
      const bit = bitOf[name as WordClass];
      for (const word of words) {
        if (bit < 30) termOf(word).classes |= 1 << bit;
        else termOf(word).classesHigh |= 1 << (bit - 30);
      }
    }
    for (const { status, headers } of file.sections ?? []) for (const word of headers) termOf(word).section = status;
    for (const [result, words] of Object.entries(file.results ?? {}))
      for (const word of words) termOf(word).result = result;
    for (const word of file.findings ?? []) termOf(word).finding = true;
    for (const [word, value] of Object.entries(file.numerals ?? {})) termOf(word).numeral = value;
    for (const [word, value] of Object.entries(file.ages ?? {})) termOf(word).age = value;
  }
  cues.forEach((cue, i) => {
    for (const word of cue.words) termOf(word).cues.push(i);
  });
  tests.forEach((test, i) => {
    for (const word of test.names) termOf(word).tests.push(i);
  });
  for (const { names, codes } of files.flatMap((file) => file.rows ?? []))
    for (const word of names)
      termOf(word).row = codes.map((code) => observations.findIndex((entry) => entry.code === code));
  inherit(terms, index);
  const unitTerms = new Map<string, number>();
  terms.forEach((term, i) => {
    if (term.unit && !unitTerms.has(term.unit.unit)) unitTerms.set(term.unit.unit, i);
  });
  const noUnit = unitTerms.get("{count}") ?? -1;
  return {
    ...{ observations, cues, tests, terms, normalize },
    trie: buildTrie(terms.map(({ spelling }) => spelling)),
    unitTerm: (unit) => unitTerms.get(unit) ?? noUnit,
  };
}

/**
 * A longer spelling hides the shorter one in it: "any fevers" is a cue, and its "fevers" still suggests a temperature. So a spelling
 * that names nothing takes what its longest ending names, unless the lexicon says that it is one plain word (高血压).
 */
function inherit(terms: readonly Term[], index: ReadonlyMap<string, Term>): void {
  const names = (term: Term): boolean => term.names.length > 0 || term.hints.length > 0 || term.foreign;
  for (const term of terms) {
    if (names(term) || isOf(term, "plain") || term.unit || term.numeral !== undefined || term.tests.length > 0)
      continue;
    const part = longestNaming(term, index, names);
    if (part) Object.assign(term, { names: part.names, hints: part.hints, foreign: part.foreign, pair: part.pair });
  }
}

/** The longest spelling within a term that names something: its ending, or, in a cue, any of its words. */
function longestNaming(
  { spelling, cues }: Term,
  index: ReadonlyMap<string, Term>,
  names: (term: Term) => boolean,
): Term | undefined {
  const boundary = (at: number): boolean =>
    at === 0 ||
    at === spelling.length ||
    spelling.charCodeAt(at) >= 0x2e80 ||
    spelling[at] === " " ||
    spelling[at - 1] === " ";
  for (let length = spelling.length - 1; length > 0; length--)
    for (let end = spelling.length; end >= length; end--) {
      if (end < spelling.length && cues.length === 0) break;
      const start = end - length;
      const part = boundary(start) && boundary(end) ? index.get(spelling.slice(start, end)) : undefined;
      if (part && names(part) && !isOf(part, "plain")) return part;
    }
  return undefined;
}

/** A second entry for a code adds its names to the first. */
function mergeObservations(files: readonly LexiconFile[]): Observation[] {
  const merged = new Map<string, Observation>();
  for (const observation of files.flatMap((file) => file.observations ?? [])) {
    const before = merged.get(observation.code);
    if (!before) {
      merged.set(observation.code, observation);
      continue;
    }
    const join = (key: "names" | "hints" | "short" | "alone" | "after" | "pairs"): string[] => [
      ...(before[key] ?? []),
      ...(observation[key] ?? []),
    ];
    merged.set(observation.code, {
      ...before,
      ...{ names: join("names"), hints: join("hints"), short: join("short"), after: join("after") },
      ...{ pairs: join("pairs"), alone: join("alone") },
      bare: [...(observation.bare ?? []), ...before.bare],
      reads: { ...before.reads, ...observation.reads },
      plausible: observation.plausible ?? before.plausible,
    });
  }
  return [...merged.values()].filter(({ code }) => measures.has(code));
}
