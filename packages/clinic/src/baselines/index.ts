export { type LinearModel, type LogisticOptions, linearScores, sigmoid, softmax, trainLogistic } from "./logistic.ts";
export { type MinimizeOptions, minimize, type Objective } from "./minimize.ts";
export {
  type BaselineName,
  type BaselineOptions,
  baselines,
  type TrainBaseline,
  trainBoostedTrees,
  trainConcatenation,
  trainLateFusion,
  trainNgramLogistic,
  trainNumbersAsText,
  trainStructuredLogistic,
} from "./models.ts";
export { countNgrams, learnNgrams, type NgramVocabulary, ngramRows } from "./ngrams.ts";
export { type BoostedTrees, type BoostingOptions, scoreTrees, trainTrees } from "./trees.ts";
