export { type ChartSpec, lineChart, type Series } from "./chart.ts";
export { type ComparisonOptions, type ComparisonSvgOptions, compareReport, renderComparisonSvg } from "./comparison.ts";
export { renderReport } from "./report.ts";
export { loadRunReport, type RunReport } from "./run-report.ts";
export type { Theme } from "./style.ts";
export { linearTicks, logTicks, type Ticks } from "./ticks.ts";
