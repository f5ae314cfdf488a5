export { betaQuantile } from "./beta.ts";
export { type BootstrapOptions, bootstrap, drawCounts, type Estimate, quantile } from "./bootstrap.ts";
export { brier, expectedCalibrationError, type ReliabilityBin, reliabilityBins } from "./calibration.ts";
export { compareAccuracy, compareMeanAveragePrecision } from "./compare.ts";
export { type ConformalThreshold, conformalSet, fitConformal, shareInterval } from "./conformal.ts";
export { areaUnderRisk, type RiskCoveragePoint, riskAt, riskCoverage } from "./coverage.ts";
export { auroc, aurocOf, averagePrecision, averagePrecisionOf, type Ranking, rank } from "./ranking.ts";
export {
  type DiseaseReport,
  type EvaluationReport,
  evaluateModel,
  type SubgroupReport,
  scorePredictions,
} from "./report.ts";
export { type FalseScopeRates, falseScopeRates } from "./scope.ts";
