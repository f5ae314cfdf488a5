export type { CohortRecord } from "./record.ts";
