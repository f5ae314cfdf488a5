export { findMentions } from "./find.ts";
export { type Sentence, sentencesOf } from "./sentences.ts";
export type { Mention, MentionStatus, Sets, TermEntry } from "./types.ts";
export { buildVocabulary, expand, readData, type Vocabulary } from "./vocabulary.ts";
