export { ErrorMeter } from "./error.ts";
export { LeastSquares } from "./least-squares.ts";
export { createOutputPredictor, type OutputPredictor, type OutputPredictorOptions } from "./output-length.ts";
export {
  type DecodeTiming,
  type Fitted,
  fitDecode,
  fitPrefill,
  type Online,
  type OnlineOptions,
  onlineDecode,
  onlinePrefill,
  type PrefillTiming,
} from "./timings.ts";
export { type LearnedTransfer, type TransferTiming, transferEstimator } from "./transfer.ts";
export type {
  DecodeEstimator,
  EstimatorError,
  Estimators,
  OutputEstimator,
  PrefillEstimator,
  TransferEstimator,
} from "./types.ts";
