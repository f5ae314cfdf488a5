export { type KeyRecord, type KeyStore, openKeyStore, type Role, roles } from "./access/index.ts";
export * from "./assess/index.ts";
export * from "./audit/index.ts";
export { type BaselineName, type BaselineOptions, baselines, type TrainBaseline } from "./baselines/index.ts";
export { type Measure, measures } from "./codes/index.ts";
export * from "./cohort/index.ts";
export * from "./deidentify/index.ts";
export * from "./diagnosis/index.ts";
export * from "./evaluation/index.ts";
export * from "./examples/index.ts";
export { type ExtractOptions, extract, type Item, type Status } from "./extract/index.ts";
export {
  type Bundle,
  type BundleContent,
  type BundleOptions,
  FhirError,
  fromBundle,
  type Observation,
  type ObservationOptions,
  toBundle,
  toObservations,
} from "./fhir/index.ts";
export {
  defaultLexicon,
  type Lexicon,
  LexiconError,
  type LexiconFile,
  loadLexicon,
  parseLexicon,
} from "./lexicon/index.ts";
export {
  type FusionConfig,
  type Relevance,
  type VariantName,
  variantNames,
  variants,
} from "./model/index.ts";
export { type Line, NoteError, type NoteRecord, parseNote, readLines } from "./notes/index.ts";
export { type ReferenceRange, referenceRange, referenceRanges } from "./reference/index.ts";
export * from "./score/index.ts";
export * from "./service/index.ts";
export { defaultDataDirectory } from "./storage/index.ts";
export * from "./train/index.ts";
