/** How a model is trained: part of its config.json, so that a result can be made again. */
export interface TrainingOptions {
  /** Passes over the unlabelled notes with hidden tokens. */
  readonly pretrainingEpochs: number;
  /** Passes over the labelled notes. */
  readonly epochs: number;
  /** Tokens of a step, about. */
  readonly stepTokens: number;
  /** Peak rates of pre-training and of training. */
  readonly pretrainingRate: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Share of tokens hidden in pre-training, and in training. */
  readonly maskedShare: number;
  readonly tokenDropout: number;
  /** Chance that a note's structured part, its text, or one measurement is withheld in training. */
  readonly structureDropout: number;
  readonly textDropout: number;
  readonly itemDropout: number;
  readonly dropout: number;
  /** Power of (negatives / positives) that positives weigh: 0 none, 1 as much as all negatives. */
  readonly imbalance: number;
  /** Of the running mean of weights that is judged and kept: each step's share is 1 − this. 0 keeps the last weights. */
  readonly averaging: number;
}

export const defaultTraining: TrainingOptions = {
  pretrainingEpochs: 1,
  epochs: 4,
  stepTokens: 3072,
  pretrainingRate: 3e-3,
  learningRate: 2e-3,
  weightDecay: 0.05,
  maskedShare: 0.15,
  tokenDropout: 0.1,
  structureDropout: 0.05,
  textDropout: 0.05,
  itemDropout: 0.1,
  dropout: 0.1,
  imbalance: 0.5,
  averaging: 0.98,
};

/** Steps of an epoch, and of all epochs, that a small set of notes is given at least. */
const fewest = { perEpoch: 30, all: 240 } as const;
/** Tokens of the smallest step. */
const smallestStep = 512;

/** The options for so many tokens of training notes: of few, steps are smaller and passes more. What is asked for stays. */
export function trainingOptions(asked: Partial<TrainingOptions>, tokens: number): TrainingOptions {
  const stepTokens = Math.max(Math.min(defaultTraining.stepTokens, Math.round(tokens / fewest.perEpoch)), smallestStep);
  const steps = Math.max(tokens / (asked.stepTokens ?? stepTokens), 1);
  const epochs = Math.max(defaultTraining.epochs, Math.min(Math.ceil(fewest.all / steps), 30));
  return { ...defaultTraining, stepTokens, epochs, ...asked };
}
