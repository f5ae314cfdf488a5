export { type Conductor, createConductor } from "./conductor.ts";
export { admissionNames, type ConductorConfig, type ConductorOptions, conductorConfig, policyNames } from "./config.ts";
export { explain } from "./explain.ts";
export type {
  AdmissionName,
  BlockId,
  Decision,
  EstimateTerms,
  Limit,
  PolicyName,
  PrefixTransfer,
  Rejection,
  RequestId,
  Role,
  ScheduleRequest,
  Tier,
  WorkerId,
} from "./types.ts";
export { maxWorkers, tiers } from "./types.ts";
