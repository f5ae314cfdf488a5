export { betaQuantile } from "./beta.ts";
export { type BootstrapOptions, bootstrap, drawCounts, type Estimate, quantile } from "./bootstrap.ts";
export { brier, expectedCalibrationError, type ReliabilityBin, reliabilityBins } from "./calibration.ts";
export { compareAccuracy, compareMeanAveragePrecision } from "./compare.ts";
export {
  type ConformalReport,
  type ConformalThreshold,
  conformalSet,
  fitConformal,
  judgeConformal,
  shareInterval,
} from "./conformal.ts";
export { areaUnderRisk, type RiskCoveragePoint, riskAt, riskCoverage } from "./coverage.ts";
export { evaluationFigures } from "./figures.ts";
export { estimateText, evaluationLines } from "./lines.ts";
export { evaluationPage, type PageFacts } from "./page.ts";
export { auroc, aurocOf, averagePrecision, averagePrecisionOf, type Ranking, rank } from "./ranking.ts";
export {
  type DiseaseReport,
  type EvaluationReport,
  evaluateModel,
  type SubgroupReport,
  scorePredictions,
} from "./report.ts";
export { type FalseScopeRates, falseScopeRates } from "./scope.ts";
