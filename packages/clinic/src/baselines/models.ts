import { type DiagnosisModel, diseases, type ModelInput } from "../diagnosis/index.ts";
import type { Example } from "../examples/index.ts";
import { linearScores, sigmoid, trainLogistic } from "./logistic.ts";
import { learnColumns, measurementColumns, measurementsOf } from "./measurements.ts";
import { countNgrams, learnNgrams, learnTerms, type NgramOptions, ngramRows, termRows } from "./ngrams.ts";
import { besides, type SparseRows } from "./sparse.ts";
import { learnStructuredScale, structuredRows } from "./structured.ts";
import { type BoostingOptions, scoreTrees, trainTrees } from "./trees.ts";

export interface BaselineOptions {
  /** As `LogisticOptions.l2`. */
  readonly l2?: number;
  readonly ngrams?: NgramOptions;
  readonly seed?: number;
  readonly trees?: BoostingOptions;
}

/** Trains a baseline. Deterministic: the same examples and options give the same model. */
export type TrainBaseline = (examples: readonly Example[], options?: BaselineOptions) => DiagnosisModel;

/** A logistic regression on whatever features: they are learned from the training notes and made for new ones. */
function linear(
  name: string,
  learn: (inputs: readonly ModelInput[], options: BaselineOptions) => (inputs: readonly ModelInput[]) => SparseRows,
): TrainBaseline {
  return (examples, options = {}) => {
    const inputs = examples.map(({ input }) => input);
    const features = learn(inputs, options);
    const targets = examples.map(({ labels }) => diseases.map((_, c) => labels[c] ?? Number.NaN));
    const learned = diseases.map((_, c) => examples.some(({ labels }) => labels[c] === 1));
    const model = trainLogistic(features(inputs), targets, { link: "sigmoid", l2: options.l2 });
    return {
      name,
      async predict(notes) {
        if (notes.length === 0) return [];
        return linearScores(model, features(notes)).map((scores) =>
          Array.from(scores, (score, c) => (learned[c] ? sigmoid(score) : Number.NaN)),
        );
      },
    };
  };
}

const textOf = ({ text }: ModelInput) => text;

/** Characters 1–3 of the masked text, tf-idf. */
export const trainNgramLogistic = linear("char n-gram logistic", (inputs, { ngrams }) => {
  const vocabulary = learnNgrams(inputs.map(textOf), ngrams);
  return (notes) => ngramRows(notes.map(textOf), vocabulary);
});

/** The structured part alone. */
export const trainStructuredLogistic = linear("structured logistic", (inputs) => {
  const all = inputs.map(measurementsOf);
  const scale = learnStructuredScale(all, learnColumns(all));
  return (notes) => structuredRows(notes.map(measurementsOf), scale);
});

/** Weight of a structured feature beside an n-gram row of length 1. */
const structuredFactor = 0.1;

/** Both, side by side before the regression. */
export const trainConcatenation = linear("concatenation logistic", (inputs, { ngrams }) => {
  const vocabulary = learnNgrams(inputs.map(textOf), ngrams);
  const all = inputs.map(measurementsOf);
  const scale = learnStructuredScale(all, learnColumns(all));
  return (notes) =>
    besides(
      ngramRows(notes.map(textOf), vocabulary),
      structuredRows(notes.map(measurementsOf), scale, structuredFactor),
    );
});

/**
 * The structured part written as words among the n-grams: each result by its code with its value to two significant digits, to one,
 * and with its flag.
 */
export const trainNumbersAsText = linear("numbers-as-text logistic", (inputs, { ngrams }) => {
  const { shortest = 1, longest = 3 } = ngrams ?? {};
  const counted = ({ text, items }: ModelInput) => {
    const counts = countNgrams(text, shortest, longest);
    for (const [name, value] of measurementsOf({ text, items })) {
      for (const digits of [1, 2]) {
        // A term that no text can hold.
        const word = `\0${name} ${value.toPrecision(digits)}`;
        counts.set(word, 1);
      }
    }
    return counts;
  };
  const vocabulary = learnTerms(inputs.map(counted), ngrams);
  return (notes) => termRows(notes.map(counted), vocabulary);
});

/** Gradient-boosted trees on the structured part, one ensemble a disease. */
export const trainBoostedTrees: TrainBaseline = (examples, options = {}) => {
  const all = examples.map(({ input }) => measurementsOf(input));
  const columns = learnColumns(all);
  const ensembles = diseases.map((_, c) => {
    const known = examples.flatMap(({ labels }, i) => (labels[c] === undefined ? [] : [i]));
    const labels = known.map((i) => examples[i].labels[c] as 0 | 1);
    if (!labels.includes(1)) return undefined;
    const own = measurementColumns(
      known.map((i) => all[i]),
      columns,
    );
    return trainTrees(own, labels, { seed: options.seed, ...options.trees });
  });
  return {
    name: "boosted trees",
    async predict(notes) {
      const own = measurementColumns(notes.map(measurementsOf), columns);
      return notes.map((_, i) => ensembles.map((trees) => (trees ? sigmoid(scoreTrees(trees, own, i)) : Number.NaN)));
    },
  };
};

/** Mean log-odds of text alone and trees on the structured part: fusion after the fact. */
export const trainLateFusion: TrainBaseline = (examples, options = {}) => {
  const parts = [trainNgramLogistic(examples, options), trainBoostedTrees(examples, options)];
  return {
    name: "late fusion",
    async predict(notes) {
      const [text, trees] = await Promise.all(parts.map((part) => part.predict(notes)));
      const logOdds = (p: number) => Math.log(Math.max(p, 1e-9) / Math.max(1 - p, 1e-9));
      return text.map((row, i) => row.map((p, c) => sigmoid((logOdds(p) + logOdds(trees[i][c])) / 2)));
    },
  };
};

/** Every baseline, by the name that reports give it. */
export const baselines = {
  ngram: trainNgramLogistic,
  structured: trainStructuredLogistic,
  trees: trainBoostedTrees,
  concatenation: trainConcatenation,
  numbersAsText: trainNumbersAsText,
  lateFusion: trainLateFusion,
} as const satisfies Record<string, TrainBaseline>;

export type BaselineName = keyof typeof baselines;
