import {
  type ActivationOptions,
  activationsOf,
  type K2Config,
  type RecomputeMode,
  type StorageFormat,
} from "@baltoro/k2";
import type { NewtonSchulzVariant } from "../optimizer/index.ts";

/** Everything that decides a pretraining run. It is stored with the run, and a resumed run takes it from there. */
export interface PretrainConfig {
  readonly name: string;
  readonly subtitle?: string;
  /** Paths, directories or globs. */
  readonly data: readonly string[];
  /** Text for validation; without it the last documents of the data are set aside. */
  readonly validation: readonly string[];
  readonly model: K2Config;
  /** Directory of a tokenizer to use; without it one is trained. */
  readonly tokenizer?: string;
  /** Train an own tokenizer on at most this many characters of the data. */
  readonly tokenizerCharacters: number;
  readonly sequenceLength: number;
  readonly batchSize: number;
  readonly accumulation: number;
  readonly steps: number;
  readonly optimizer: "muonclip" | "adamw";
  readonly learningRate: number;
  readonly warmup: number;
  readonly decay: number;
  /** The last learning rate as a fraction of the highest. */
  readonly finalFraction: number;
  readonly weightDecay: number;
  readonly newtonSchulz: NewtonSchulzVariant;
  readonly perHead: boolean;
  readonly maxGradientNorm: number;
  /** τ of QK-Clip; 0: off. */
  readonly qkClipThreshold: number;
  readonly balanceRate: number;
  readonly zLoss: number;
  /** Which activations are computed again in the backward pass instead of kept: less memory, more time, the same bits. */
  readonly recompute: RecomputeMode;
  /** How the largest of those that are kept are stored: in fp8, gradients are rounded. */
  readonly store: StorageFormat;
  readonly seed: number;
  /** Steps between validations and between checkpoints. */
  readonly validateEvery: number;
  readonly checkpointEvery: number;
  readonly keepCheckpoints: number;
  /** Batches of one validation. */
  readonly validationBatches: number;
  /** Write the largest logit of every head into each record. Default false. */
  readonly recordHeads?: boolean;
}

/** Values for what a caller leaves open. Steps decide warm-up and decay: a twentieth and three tenths of them. */
export function defaultPretrainConfig(
  given: Partial<PretrainConfig> & Pick<PretrainConfig, "data" | "model" | "steps">,
): PretrainConfig {
  const { steps } = given;
  return {
    name: "run",
    validation: [],
    tokenizerCharacters: 20_000_000,
    sequenceLength: Math.min(512, given.model.maxPositionEmbeddings),
    batchSize: 8,
    accumulation: 1,
    optimizer: "muonclip",
    learningRate: 4e-3,
    warmup: Math.ceil(steps / 20),
    decay: Math.floor((steps * 3) / 10),
    finalFraction: 0.05,
    weightDecay: 0.1,
    newtonSchulz: "muon",
    perHead: false,
    maxGradientNorm: 1,
    qkClipThreshold: 100,
    balanceRate: 1e-3,
    zLoss: 0,
    recompute: "none",
    store: "exact",
    seed: 1,
    validateEvery: Math.max(1, Math.min(250, Math.ceil(steps / 10))),
    checkpointEvery: Math.max(1, Math.min(250, Math.ceil(steps / 4))),
    keepCheckpoints: 2,
    validationBatches: 16,
    ...given,
  };
}

/**
 * The configuration that a run has stored, to go on with. Runs from before there were several ways to recompute activations say whether they
 * did, and stored them exactly. `recompute` may be another than before: the bits are the same.
 *
 * @throws where it and the way activations are stored exclude each other.
 */
export function storedPretrainConfig(
  stored: Readonly<Record<string, unknown>>,
  { recompute }: { readonly recompute?: RecomputeMode | undefined } = {},
): PretrainConfig {
  const before = stored["checkpointing"] === true ? "layer" : "none";
  const config = { recompute: before, store: "exact", ...stored, ...(recompute ? { recompute } : {}) };
  activationsOf(config as ActivationOptions);
  return config as unknown as PretrainConfig;
}
