export { type MetricsWriter, openMetrics, readMetrics } from "./jsonl.ts";
export type { MetricsRecord } from "./records.ts";
