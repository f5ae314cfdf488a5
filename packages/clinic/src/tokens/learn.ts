import { measures } from "../codes/index.ts";
import type { ModelInput } from "../diagnosis/index.ts";
import { isHan, isLetter, isSpace, normalizeUnits, runEnd } from "./characters.ts";
import { otherPlaceholder, placeholderOf, specialTokens, type Vocabulary } from "./vocabulary.ts";

/** Options of {@link learnVocabulary}. Counts are of occurrences in the texts. */
export interface VocabularyOptions {
  /** Least count of a character. Default 2. */
  readonly minCharacterCount?: number;
  /** English pieces, letters not counted. Default 1500. */
  readonly pieces?: number;
  /** Most Chinese words. Default 2000. */
  readonly words?: number;
  /** Least count of a word. Default 8. */
  readonly minWordCount?: number;
}

const alphabet = "abcdefghijklmnopqrstuvwxyz";

/** Learns the tokens and words of unlabelled notes: the same texts in the same order give the same vocabulary. */
export function learnVocabulary(inputs: Iterable<ModelInput>, options: VocabularyOptions = {}): Vocabulary {
  const { minCharacterCount = 2, pieces = 1500, words = 2000, minWordCount = 8 } = options;
  const characters = new Map<string, number>();
  const english = new Map<string, number>();
  const runs = new Map<string, number>();
  const codes = new Set<string>(measures.keys());
  for (const { text, items } of inputs) {
    for (const { code, value, low } of items) if ((value ?? low) !== undefined) codes.add(code);
    countText(normalizeUnits(text), characters, english, runs);
  }
  const printable = Array.from({ length: 0x7f - 0x21 }, (_, i) => String.fromCharCode(0x21 + i));
  const frequent = [...characters].filter(([, count]) => count >= minCharacterCount).map(([character]) => character);
  const singles = new Set([...printable.filter((c) => !/[A-Za-z]/.test(c)), ...frequent.sort()]);
  return {
    schema: "baltoro.clinic-vocabulary/1",
    tokens: [
      ...specialTokens,
      ...[...codes].sort().map(placeholderOf),
      otherPlaceholder,
      ...singles,
      ...learnPieces(english, pieces),
    ],
    words: learnWords(runs, words, minWordCount),
  };
}

function countText(
  text: string,
  characters: Map<string, number>,
  english: Map<string, number>,
  runs: Map<string, number>,
): void {
  const count = (map: Map<string, number>, key: string) => map.set(key, (map.get(key) ?? 0) + 1);
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (isLetter(code)) {
      const end = runEnd(text, at, isLetter);
      count(english, text.slice(at, end));
      at = end;
      continue;
    }
    if (isHan(code)) {
      const end = runEnd(text, at, isHan);
      count(runs, text.slice(at, end));
      for (const character of text.slice(at, end)) count(characters, character);
      at = end;
      continue;
    }
    const character = String.fromCodePoint(text.codePointAt(at) as number);
    if (!isSpace(code)) count(characters, character);
    at += character.length;
  }
}

/** Byte-pair encoding on letters (Sennrich et al. 2016): letters at the head of a word and within it, and the merges. */
export function learnPieces(counts: ReadonlyMap<string, number>, merges: number): string[] {
  const words = [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([word, count]) => ({ parts: Array.from(word, (letter, i) => (i === 0 ? letter : `##${letter}`)), count }));
  const found = new Set([...alphabet, ...Array.from(alphabet, (letter) => `##${letter}`)]);
  const separator = " ";
  const pairs = new Map<string, number>();
  const holders = new Map<string, Set<number>>();
  const change = (index: number, sign: 1 | -1) => {
    const { parts, count } = words[index];
    for (let i = 0; i + 1 < parts.length; i++) {
      const pair = parts[i] + separator + parts[i + 1];
      pairs.set(pair, (pairs.get(pair) ?? 0) + sign * count);
      if (sign < 0) continue;
      const holder = holders.get(pair);
      if (holder) holder.add(index);
      else holders.set(pair, new Set([index]));
    }
  };
  for (const index of words.keys()) change(index, 1);
  for (let merge = 0; merge < merges; merge++) {
    let best = "";
    let most = 1;
    for (const [pair, count] of pairs)
      if (count > most || (count === most && pair < best)) [best, most] = [pair, count];
    if (best === "") break;
    const [left, right] = best.split(separator);
    const joined = left + right.slice(2);
    found.add(joined);
    for (const index of holders.get(best) ?? []) {
      change(index, -1);
      const { parts } = words[index];
      for (let i = 0; i + 1 < parts.length; i++)
        if (parts[i] === left && parts[i + 1] === right) parts.splice(i, 2, joined);
      change(index, 1);
    }
    pairs.delete(best);
    holders.delete(best);
  }
  return [...found];
}

/** Most characters of a word. */
const longest = 4;

/**
 * Strings of two to four characters that stand together more often than their halves would by chance (pointwise mutual information),
 * or hardly ever apart, less those that are nearly always part of a longer one.
 */
export function learnWords(runs: ReadonlyMap<string, number>, most: number, minCount: number): string[] {
  const counts = new Map<string, number>();
  let total = 0;
  for (const [run, count] of runs) {
    total += run.length * count;
    for (let start = 0; start < run.length; start++) {
      for (let end = start + 1; end <= Math.min(run.length, start + longest); end++) {
        const gram = run.slice(start, end);
        counts.set(gram, (counts.get(gram) ?? 0) + count);
      }
    }
  }
  const countOf = (gram: string) => counts.get(gram) ?? 0;
  const coheres = (gram: string, count: number) => {
    for (let cut = 1; cut < gram.length; cut++) {
      const [left, right] = [countOf(gram.slice(0, cut)), countOf(gram.slice(cut))];
      if (count < (20 * left * right) / total && count < 0.6 * Math.max(left, right)) return false;
    }
    return true;
  };
  const candidates = [...counts].filter(
    ([gram, count]) => gram.length > 1 && count >= minCount && coheres(gram, count),
  );
  const covered = new Set<string>();
  for (const [gram, count] of candidates) {
    for (const inner of [gram.slice(1), gram.slice(0, -1)]) if (count >= 0.9 * countOf(inner)) covered.add(inner);
  }
  return candidates
    .filter(([gram]) => !covered.has(gram))
    .sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))
    .slice(0, most)
    .map(([gram]) => gram);
}
