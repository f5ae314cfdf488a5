export * from "./access/index.ts";
export * from "./audit/index.ts";
export { type Measure, measures } from "./codes/index.ts";
export type { CohortRecord } from "./cohort/index.ts";
export * from "./diagnosis/index.ts";
export type { Example } from "./examples/index.ts";
export { type ExtractOptions, extract, type Item, type Status } from "./extract/index.ts";
export * from "./fhir/index.ts";
export {
  defaultLexicon,
  type Lexicon,
  LexiconError,
  type LexiconFile,
  loadLexicon,
  parseLexicon,
} from "./lexicon/index.ts";
export { type Line, NoteError, type NoteRecord, parseNote, readLines } from "./notes/index.ts";
export { type ReferenceRange, referenceRange, referenceRanges } from "./reference/index.ts";
export * from "./score/index.ts";
export * from "./service/index.ts";
export { defaultDataDirectory } from "./storage/index.ts";
