export { AssessorError, type AssessorThreadOptions, startAssessor } from "./assessor.ts";
export { type CdsTrust, loadCdsTrust } from "./jwt.ts";
export { type ClinicService, type ClinicServiceOptions, createClinicService, type Limits } from "./service.ts";
