export { type BundleOptions, toBundle } from "./bundle.ts";
export { htmlToText } from "./html.ts";
export { type Observation, type ObservationOptions, toObservations } from "./observation.ts";
export { outcomeOf, warningsOf } from "./outcome.ts";
export { type BundleContent, type BundleIssue, type Entry, entriesOf, fromBundle, fromEntries } from "./read-bundle.ts";
export { FhirError, type Node, nodeOf } from "./reader.ts";
export { JsonError, readJson } from "./safe-json.ts";
export type { Bundle, BundleEntry, IssueCode, OperationOutcome, Resource } from "./types.ts";
