export { type CohortDescription, describeCohort } from "./describe.ts";
export { cohortHash, cohortLine, frozenCohort, frozenRecords } from "./frozen.ts";
export { type CohortOptions, generateCohort, generatePosteriors } from "./generate.ts";
export type { CohortRecord, Split } from "./record.ts";
