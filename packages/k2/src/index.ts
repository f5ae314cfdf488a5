export { latentCacheBytes, loadWeights, saveWeights, stageWeights } from "./checkpoint.ts";
export {
  countParameters,
  type K2Config,
  parseConfig,
  qkHeadDim,
  readConfig,
  softmaxScale,
  toHuggingFace,
  trainingFlops,
} from "./config.ts";
export { type ExportOptions, type ExportSummary, exportCheckpoint } from "./export.ts";
export * from "./generation/index.ts";
export * from "./model/index.ts";
export { type OpenCheckpoint, openCheckpoint } from "./open-checkpoint.ts";
export { type PresetName, preset, presets } from "./presets.ts";
export { isQuantized, k2Blocks, parseQuantization } from "./quantization.ts";
export { ropeFrequencies, ropeTables, yarnRange } from "./rope.ts";
export type { WeightDType } from "./stored-weights.ts";
export * from "./tokenizer/index.ts";
export { type YarnConfig, yarnMscale } from "./yarn.ts";
