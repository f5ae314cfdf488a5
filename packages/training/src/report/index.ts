export { type ComparisonOptions, type ComparisonSvgOptions, compareReport, renderComparisonSvg } from "./comparison.ts";
export { renderReport } from "./report.ts";
export { loadRunReport, type RunReport } from "./run-report.ts";
