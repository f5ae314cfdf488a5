import { readFileSync } from "node:fs";
import { createNormalizer } from "../../extract/normalize.ts";
import { buildTrie, type Trie } from "../../lexicon/trie.ts";
import type { ContextCue, ContextFile, Sets, TermEntry } from "./types.ts";

/** All that a spelling may mean. */
export interface Entry {
  readonly targets: { readonly code: string; readonly adjective: boolean }[];
  readonly cues: ContextCue[];
  stop: boolean;
  resume: boolean;
  wh: boolean;
  section: ContextFile["sections"][number]["status"] | undefined;
}

/** Words of findings and of their context, made ready. */
export interface Vocabulary {
  readonly trie: Trie;
  readonly entries: readonly Entry[];
  /** Answers that say yes, as their line begins. */
  readonly yes: ReadonlySet<string>;
  normalize(text: string): Uint16Array;
}

/** Words as text once more, for places that compare strings. Length as given. */
export function asText(codes: Uint16Array): string {
  let text = "";
  for (let at = 0; at < codes.length; at += 8192) text += String.fromCharCode(...codes.subarray(at, at + 8192));
  return text;
}

/** Every word that a phrase with {sets} stands for. */
export function expand(phrase: string, sets: Sets): string[] {
  const open = phrase.indexOf("{");
  if (open < 0) return [phrase];
  const close = phrase.indexOf("}", open);
  const name = phrase.slice(open + 1, close);
  const set = sets[name];
  if (!set) throw new Error(`${phrase}: there is no set ${name}`);
  return set.flatMap((word) => expand(phrase.slice(0, open) + word + phrase.slice(close + 1), sets));
}

/** Reads a data file of this folder. */
export function readData<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../data/${name}.json`, import.meta.url), "utf8")) as T;
}

const context = readData<ContextFile>("context");

/**
 * Builds a vocabulary of findings, with the words of context that all share.
 *
 * @param nothing words that hold one of the terms and do not mean it
 */
export function buildVocabulary(
  terms: readonly TermEntry[],
  sets: Sets,
  nothing: readonly string[],
  variants = "",
): Vocabulary {
  const normalize = createNormalizer(variants);
  const index = new Map<string, Entry>();
  const entryOf = (word: string): Entry => {
    const key = asText(normalize(word));
    let entry = index.get(key);
    if (!entry) {
      entry = { targets: [], cues: [], stop: false, resume: false, wh: false, section: undefined };
      index.set(key, entry);
    }
    return entry;
  };
  const each = (words: readonly string[], own: Sets, act: (entry: Entry) => void): void => {
    for (const word of words) for (const spelling of expand(word, own)) act(entryOf(spelling));
  };
  for (const cue of context.cues) each(cue.words, context.sets, ({ cues }) => cues.push(cue));
  for (const { status, headers } of context.sections)
    each(headers, context.sets, (entry) => {
      entry.section = status;
    });
  each(context.stops, context.sets, (entry) => {
    entry.stop = true;
  });
  each(context.resumes, context.sets, (entry) => {
    entry.resume = true;
  });
  each(context.wh, context.sets, (entry) => {
    entry.wh = true;
  });
  each(context.nothing, context.sets, () => {});
  each(nothing, sets, () => {});
  for (const { code, words, adjectives = [] } of terms) {
    each(words, sets, ({ targets }) => targets.push({ code, adjective: false }));
    each(adjectives, sets, ({ targets }) => targets.push({ code, adjective: true }));
  }
  return {
    trie: buildTrie([...index.keys()]),
    entries: [...index.values()],
    yes: new Set(context.yes),
    normalize,
  };
}
