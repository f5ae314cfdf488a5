import { assignFolds } from "../../examples/index.ts";
import { type Corpus, prepareCorpus } from "./corpus.ts";
import {
  type Pooling,
  poolClasses,
  poolings,
  poolRanked,
  rankedShares,
  type SourceScores,
  scoreSources,
} from "./pool.ts";
import type { ResearchSets } from "./read.ts";
import { type Reading, readDialogues } from "./readings.ts";

/** Of each row in turn: [rows][3] and [rows][classes]. */
export interface Probabilities {
  readonly threeClass: number[][];
  readonly tenClass: number[][];
}

/** Predictions for texts by models that were trained without them and those of their fold. */
export interface DialoguePredictions {
  /** The sets' own labels, in the order of `tenClass`. */
  readonly classes: readonly string[];
  /** Char n-gram logistic regression on the dialogues trained on. */
  readonly baseline: Probabilities;
  /** The same n-grams, given every other labelled text too: what of the gain is data. */
  readonly moreText: Probabilities;
  /** Symptoms foreseen from the text, alone. */
  readonly symptoms: Probabilities;
  /** All sources with fixed weights. */
  readonly pool: Probabilities;
  readonly secondPool: Probabilities;
  /** What went into the pool's three classes. */
  readonly sources: readonly SourceScores[];
  readonly folds: readonly number[];
}

export interface DialogueOptions {
  readonly folds?: number;
  readonly progress?: (message: string) => void;
}

/**
 * The real dialogues, fold by fold, by what is known of the others:
 *
 * 1. the baseline: softmax regression on char 1–3-grams of the masked dialogue;
 * 2. the same of the three diseases alone, and of bronchitis against RTI with the dialogues of another set, labelled by their reports;
 * 3. symptoms and diseases' names, foreseen from the text (ridge regression from n-grams to the annotations of the training folds) and
 *    judged by a model of 2,472 other cases that have annotations and labels;
 * 4. whether doctor or parent will name a disease, foreseen likewise, from the unmasked text of the training folds and of the other set;
 * 5. pneumonia against RTI by n-grams of another site's self-reports.
 *
 * They are pooled with fixed weights (`poolRanked`, `poolClasses`).
 */
export function predictDialogues(sets: ResearchSets, options: DialogueOptions = {}): DialoguePredictions {
  const { folds: count = 5, progress } = options;
  const corpus = prepareCorpus(sets);
  progress?.("inner products of all texts");
  const folds = assignFolds(
    sets.dialogues.map(({ id, label, labels, input }) => ({ id, label, labels, input })),
    count,
  );
  // Dialogues with reports are in no fold: all of them are trained on each time.
  return predictFolds(corpus, corpus.dialogues, folds, corpus.reported, progress);
}

/**
 * The same procedure turned round, to develop it on: dialogues with reports are judged, fold by fold, by what is known of the others and of
 * all 833. Rows of the result are those of `sets.reported`.
 */
export function predictReported(sets: ResearchSets, options: DialogueOptions = {}): DialoguePredictions {
  const { folds: count = 5, progress } = options;
  const corpus = prepareCorpus(sets);
  progress?.("inner products of all texts");
  const examples = sets.reported.map(({ text, labels }, i) => ({ id: String(i), labels, input: { text, items: [] } }));
  return predictFolds(corpus, corpus.reported, assignFolds(examples, count), corpus.dialogues, progress);
}

function predictFolds(
  corpus: Corpus,
  judged: readonly number[],
  folds: readonly number[],
  always: readonly number[],
  progress: (message: string) => void = () => undefined,
): DialoguePredictions {
  const readings: Reading[] = [];
  const count = Math.max(...folds) + 1;
  for (let fold = 0; fold < count; fold++) {
    const inside = [...judged.keys()].filter((at) => folds[at] === fold);
    const train = [...judged.filter((_, at) => folds[at] !== fold), ...always].sort((a, b) => a - b);
    const read = readDialogues(
      corpus,
      train,
      inside.map((at) => judged[at]),
    );
    for (const [k, at] of inside.entries()) readings[at] = read[k];
    progress(`fold ${fold + 1} of ${count}`);
  }
  const alone = (of: (reading: Reading) => readonly number[]): Probabilities => ({
    threeClass: readings.map((reading) => rankedShares(corpus.classes, of(reading))),
    tenClass: readings.map((reading) => [...of(reading)]),
  });
  const sources = readings.map((reading) => scoreSources(corpus, reading));
  const pooled = (pooling: Pooling): Probabilities => ({
    threeClass: sources.map((scores) => poolRanked(scores, pooling)),
    tenClass: readings.map((reading) => poolClasses(reading, pooling)),
  });
  return {
    classes: corpus.classes.labels,
    baseline: alone(({ ngrams }) => ngrams),
    moreText: alone(({ moreText }) => moreText),
    symptoms: alone(({ symptoms }) => symptoms),
    pool: pooled(poolings.first),
    secondPool: pooled(poolings.second),
    sources,
    folds,
  };
}
