export {
  type Assessment,
  type AssessOptions,
  type Assessor,
  type Candidate,
  type Evidence,
  type MissingTest,
  maxNoteLength,
  type RedFlag,
  type ScopeReason,
  type Span,
} from "./assessment.ts";
export { type Disease, diseaseNames, diseases, type Language } from "./diseases.ts";
export type { DiagnosisModel, ModelIdentity, ModelInput } from "./model.ts";
export { noneLikely, noOrder, severityNames } from "./words.ts";
