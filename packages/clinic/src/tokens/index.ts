export { learnVocabulary, type VocabularyOptions } from "./learn.ts";
export { type TokenizedNote, type TokenizeOptions, tokenize } from "./tokenize.ts";
export { type Lookup, lookupOf, parseVocabulary, special, type Vocabulary } from "./vocabulary.ts";
