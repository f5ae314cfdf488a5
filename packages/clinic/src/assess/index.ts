export {
  type AssessorOptions,
  type AssessorParts,
  assessorOf,
  createAssessor,
  defaultModelDirectory,
} from "./assessor.ts";
export {
  chooseByRelevance,
  deletionsFor,
  type ExplainableModel,
  explain,
  type Unit,
  unitsOf,
  without,
} from "./evidence/index.ts";
export {
  estimateDistributions,
  expectedInformation,
  missingTests,
  priorOf,
  type TestDistribution,
} from "./missing/index.ts";
export { patientAge } from "./patient-age.ts";
export { fitProfile, intervalAt, type Profile, type ProfileNotes, readProfile } from "./profile/index.ts";
export { findRedFlags } from "./red-flags/index.ts";
export { respiratoryMentions, scopeReasons } from "./scope/index.ts";
