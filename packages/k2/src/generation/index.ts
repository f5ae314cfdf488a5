export { BlockPool } from "./block-pool.ts";
export { type Generation, generate, type StreamDecoder, scoreTokens } from "./generate.ts";
export { type BatchRow, PagedModel, type PagedModelOptions } from "./paged-model.ts";
export { defaultSampling, logprobOf, type SamplingOptions, sample, type TokenLogprob, topLogprobs } from "./sampler.ts";
export {
  type FinishReason,
  Scheduler,
  type SequenceListener,
  type SequenceRequest,
  type TokenScore,
} from "./scheduler.ts";
export { createStopMatcher, type StopMatcher } from "./stop-strings.ts";
