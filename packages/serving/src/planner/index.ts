export { type PlanContext, planHtml, planRows, planSentence } from "./plan-report.ts";
export { type Evaluate, type Plan, type PlanOptions, type PlanPoint, planCluster, type Shape } from "./search.ts";
