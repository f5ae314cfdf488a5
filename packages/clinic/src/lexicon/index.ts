export { compileLexicon, isOf, type Lexicon, type Term } from "./compile.ts";
export { defaultLexicon, LexiconError, loadLexicon, parseLexicon } from "./load.ts";
export { isLetter } from "./trie.ts";
export type { Cue, LexiconFile, Observation, UnitEntry } from "./types.ts";
export type { WordClass } from "./words.ts";
