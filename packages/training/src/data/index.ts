export { type Corpus, type CorpusOptions, type CorpusProgress, openCorpus, startProgress } from "./corpus.ts";
export { CorpusError } from "./errors.ts";
export type { CorpusFile, CorpusFormat } from "./files.ts";
export {
  type BatchPart,
  type PackedDataset,
  type PackedDatasetOptions,
  packedDataset,
  type TokenBatch,
  type TokenRange,
} from "./packed-dataset.ts";
export { permutation } from "./permutation.ts";
export { splitForValidation, type TokenSplit, wholeCache } from "./split.ts";
export {
  openTokenCache,
  type TextTokenizer,
  type TokenCache,
  type TokenCacheMeta,
  type TokenCacheOptions,
  type TokenizeProgress,
} from "./token-cache.ts";
