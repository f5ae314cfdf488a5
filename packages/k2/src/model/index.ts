export {
  type ActivationOptions,
  type Activations,
  activationsOf,
  type RecomputeMode,
  recomputeModes,
  type StorageFormat,
  storageFormats,
} from "./activations.ts";
export type { PackedBatch } from "./attention.ts";
export { expertRows, type RoutedExperts, routedExperts } from "./feed-forward.ts";
export { type InitializationOptions, initializeWeights } from "./initialize.ts";
export {
  createModel,
  forwardHidden,
  forwardLogits,
  forwardLoss,
  type HeldExperts,
  type K2Model,
  type ModelOptions,
  type ModelStatistics,
} from "./model.ts";
export {
  type AttentionWeights,
  type FeedForwardWeights,
  type K2Weights,
  type LayerWeights,
  type MoeWeights,
  type NamedWeight,
  namedWeights,
  type ParameterKind,
} from "./weights.ts";
