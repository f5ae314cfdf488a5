export { defaultPretrainConfig, type PretrainConfig, storedPretrainConfig } from "./config.ts";
export { DivergedError } from "./divergence.ts";
export { environmentDifferences, type TrainingEnvironment, trainingEnvironment } from "./environment.ts";
export { TrainingFailedError } from "./failure.ts";
export { clippedAttention, optimizedParameters } from "./k2-groups.ts";
export { type PretrainOptions, pretrain } from "./pretrain.ts";
export { prepareText, prepareTokenizer, type RunText } from "./text.ts";
export type { PretrainResult } from "./train-loop.ts";
export {
  createTrainStep,
  type MicroBatch,
  type StepMetrics,
  type TrainStep,
  type TrainStepOptions,
} from "./train-step.ts";
