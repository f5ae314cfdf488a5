import { loadTokenizer, saveTokenizer, Tokenizer, tokenizerHash, trainTokenizer } from "@baltoro/k2";
import {
  type BatchPart,
  type Corpus,
  openCorpus,
  openTokenCache,
  type PackedDataset,
  packedDataset,
  splitForValidation,
  type TokenCache,
  type TokenSplit,
  wholeCache,
} from "../data/index.ts";
import type { Progress } from "../progress/index.ts";
import type { PretrainConfig } from "./config.ts";

/** What a run reads: batches to train on, and batches to validate on with the bytes they stand for. */
export interface RunText {
  readonly train: PackedDataset;
  readonly validation: { readonly dataset: PackedDataset; readonly split: TokenSplit };
}

/** The last part of the data that is set aside where no text for validation is given. */
const validationFraction = 0.05;

/**
 * The run's tokenizer: the one in `directory` where there is one, else the one that the configuration names, else one trained
 * on the beginning of the data. It is kept in `directory`.
 * @throws Error if the named tokenizer has another number of ids than the model.
 */
export async function prepareTokenizer(
  directory: string,
  config: PretrainConfig,
  progress: Progress,
  signal?: AbortSignal,
): Promise<Tokenizer> {
  const existing = await loadTokenizer(directory).catch(() => null);
  if (existing) return existing;
  const tokenizer = config.tokenizer ? await loadTokenizer(config.tokenizer) : await train(config, progress, signal);
  if (tokenizer.vocabSize !== config.model.vocabSize) {
    throw new Error(
      `tokenizer: ${config.tokenizer} has ${tokenizer.vocabSize} ids, the model's vocabSize is ${config.model.vocabSize}; they must be equal`,
    );
  }
  await saveTokenizer(tokenizer, directory);
  return tokenizer;
}

async function train(config: PretrainConfig, progress: Progress, signal?: AbortSignal): Promise<Tokenizer> {
  progress.log(`training a tokenizer of ${config.model.vocabSize} tokens`);
  const start = performance.now();
  const documents = openCorpus([...config.data]).documents();
  const tokens = await trainTokenizer(limitCharacters(documents, config.tokenizerCharacters), {
    vocabSize: config.model.vocabSize,
    ...(signal ? { signal } : {}),
  });
  progress.log(`tokenizer trained in ${((performance.now() - start) / 1000).toFixed(1)} s`);
  return new Tokenizer(tokens);
}

async function* limitCharacters(texts: AsyncIterable<string>, limit: number): AsyncGenerator<string> {
  let seen = 0;
  for await (const text of texts) {
    yield text.slice(0, limit - seen);
    seen += text.length;
    if (seen >= limit) return;
  }
}

/** Tokenizes what the run reads into `directory`, or finds it there, and packs it into batches, or a rank's parts of them. */
export async function prepareText(
  directory: string,
  tokenizer: Tokenizer,
  config: PretrainConfig,
  progress: Progress,
  part?: BatchPart,
): Promise<RunText> {
  const text = Object.assign(tokenizer, { hash: tokenizerHash(tokenizer) });
  const open = async (corpus: Corpus, what: string): Promise<TokenCache> => {
    const start = performance.now();
    const cache = await openTokenCache(directory, corpus, text);
    progress.log(
      `${what}: ${cache.meta.tokens.toLocaleString("en")} tokens of ${cache.meta.documents.toLocaleString("en")} documents (${((performance.now() - start) / 1000).toFixed(1)} s)`,
    );
    return cache;
  };
  const cache = await open(openCorpus([...config.data]), "training text");
  const { sequenceLength, batchSize, accumulation, seed } = config;
  const separate =
    config.validation.length > 0 ? await open(openCorpus([...config.validation]), "validation text") : null;
  const parts = separate
    ? { train: wholeCache(cache), validation: wholeCache(separate) }
    : splitForValidation(cache, validationFraction);
  const shared = { sequenceLength, batchSize, ...(part ? { part } : {}) };
  return {
    train: packedDataset(cache, { ...shared, accumulation, seed, range: parts.train }),
    validation: {
      dataset: packedDataset(separate ?? cache, { ...shared, shuffle: false, range: parts.validation }),
      split: parts.validation,
    },
  };
}
