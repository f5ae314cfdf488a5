import { assignFolds } from "../../examples/index.ts";
import { kernelLogistic, kernelRidge, linearKernel } from "../kernel.ts";
import { linearScores, sigmoid, softmax, trainLogistic } from "../logistic.ts";
import { learnNgrams, ngramRows } from "../ngrams.ts";
import { rowCount } from "../sparse.ts";
import type { ResearchSets } from "./read.ts";
import { trainStack } from "./stack.ts";
import { learnSymptoms, symptomRows, symptomTargets } from "./symptoms.ts";

/** The classes that are ranked: `diseases` without asthma, which these sets lack. */
const ranked = ["pneumonia", "rti", "bronchitis"] as const;

/** Predictions for every dialogue by models that were trained without its fold. */
export interface DialoguePredictions {
  /** The sets' own labels, in the order of `tenClass`. */
  readonly classes: readonly string[];
  /** [dialogues][3] and [dialogues][classes], of the char n-gram logistic regression and of the stack. */
  readonly baseline: { readonly threeClass: number[][]; readonly tenClass: number[][] };
  readonly stack: { readonly threeClass: number[][]; readonly tenClass: number[][] };
  /**
   * The same scores with weights fixed by hand (text 1; symptoms ½; self-reports ¼, reports 2). Exploratory: these were settled after
   * outer results had been seen, so it is no test of anything.
   */
  readonly pool: { readonly threeClass: number[][] };
  /** Three classes by the symptoms alone, and by other sites' text alone. */
  readonly parts: { readonly symptoms: number[][]; readonly reports: number[][] };
  readonly folds: readonly number[];
}

export interface DialogueOptions {
  readonly folds?: number;
  /** Inner folds that the stack is trained on. Default 4. */
  readonly innerFolds?: number;
  readonly progress?: (message: string) => void;
}

/**
 * Penalties, the same for every fold. They are not nested: they were set after sweeps whose results on the outer folds were seen (five
 * values of `ngrams`, fifteen pairs of `spotting` and `symptoms`; docs/results/clinic-diagnosis.md lists what was tried). Intervals do
 * not account for that.
 */
const l2 = { ngrams: 1e-4, symptoms: 1e-3, selfReports: 1e-3, spotting: 0.1 } as const;

/** Of `DialoguePredictions.pool`. */
const fixed = { symptoms: 0.5, selfReports: 0.25, reports: 2 } as const;

const logit = (p: number): number => Math.log(Math.max(p, 1e-9) / Math.max(1 - p, 1e-9));

function oneHot(index: number, count: number): number[] {
  return Array.from({ length: count }, (_, c) => (c === index ? 1 : 0));
}

/**
 * The stack, fold by fold:
 *
 * 1. the baseline: softmax regression on char 1–3-grams of the masked dialogue;
 * 2. symptoms spotted in the text (ridge regression from n-grams to the annotated symptoms of the training folds) and judged by a model
 *    of 2,472 other cases that have symptoms and labels, without those symptoms that are names of diseases;
 * 3. bronchitis against RTI by n-grams of the dialogues of another set, labelled by their reports;
 * 4. pneumonia against RTI by n-grams of another site's self-reports.
 *
 * What each weighs is learned from predictions for inner folds of the training folds: no label and no annotation of a test fold is
 * used for it. Which sources there are, and the penalties, were settled with outer results in sight. Terms and their frequencies are learned from all text without labels.
 */
export function predictDialogues(sets: ResearchSets, options: DialogueOptions = {}): DialoguePredictions {
  const { folds: foldCount = 5, innerFolds = 4, progress = () => undefined } = options;
  const { dialogues, vectors, reported, selfReports } = sets;
  const count = dialogues.length;
  const classes = [...new Set(dialogues.map(({ label }) => label))].sort();
  const classOf = new Map(classes.map((label, c) => [label, c]));
  const own = dialogues.map(({ label }) => classOf.get(label) as number);
  const disease = dialogues.map(({ labels }) => labels.indexOf(1));
  const diseaseOfClass = classes.map((label) => {
    const example = dialogues.find((dialogue) => dialogue.label === label);
    return example ? example.labels.indexOf(1) : -1;
  });
  const folds = assignFolds(dialogues, foldCount);

  const texts = [...dialogues.map(({ input }) => input.text), ...reported.map(({ text }) => text)];
  const kernel = linearKernel(ngramRows(texts, learnNgrams(texts, { fewestNotes: 2 })));
  progress("inner products of all dialogues");

  const terms = learnSymptoms([
    ...dialogues.map(({ symptoms }) => symptoms),
    ...vectors.map(({ symptoms }) => symptoms),
  ]);
  const annotated = symptomTargets(
    dialogues.map(({ symptoms }) => symptoms),
    terms,
  );
  const known = vectors.filter(({ label }) => classOf.has(label));
  const bySymptoms = trainLogistic(
    symptomRows(
      known.map(({ symptoms }) => symptoms),
      terms,
    ),
    known.map(({ label }) => oneHot(classOf.get(label) as number, classes.length)),
    { link: "softmax", l2: l2.symptoms },
  );
  progress("diseases by symptoms");
  const reports = bronchitisByReports(kernel, reported, count);
  const self = pneumoniaBySelfReports(
    selfReports.filter(({ labels }) => labels[0] === 1 || labels[1] === 1),
    dialogues.map(({ input }) => input.text),
  );
  const selfMean = self.reduce((sum, value) => sum + value, 0) / count;
  const selfWidth = Math.sqrt(self.reduce((sum, value) => sum + (value - selfMean) ** 2, 0) / count) || 1;
  progress("reports and self-reports");

  /** Class probabilities of test dialogues, by text and by spotted symptoms. */
  const judge = (train: readonly number[], test: readonly number[]) => {
    const split = { train, test };
    const targets = train.map((i) => oneHot(own[i], classes.length));
    const text = kernelLogistic(kernel, split, targets, l2.ngrams).map((scores) => [...softmax(scores)]);
    const spotted = kernelRidge(
      kernel,
      split,
      train.map((i) => annotated[i]),
      l2.spotting,
    );
    const rows = { columns: terms.size, ...denseStarts(spotted) };
    const symptoms = linearScores(bySymptoms, rows).map((scores) => [...softmax(scores)]);
    return test.map((_, k) => ({ text: text[k], symptoms: symptoms[k] }));
  };
  const three = (probabilities: readonly number[]): number[] => {
    const sums = ranked.map((_, d) =>
      probabilities.reduce((sum, p, c) => (diseaseOfClass[c] === d ? sum + p : sum), 0),
    );
    const total = sums.reduce((sum, value) => sum + value, 0);
    return sums.map((value) => value / total);
  };
  type Judged = ReturnType<typeof judge>[number];
  const pneumoniaFeatures = ({ text, symptoms }: Judged, i: number) => [
    ...[logit(three(text)[0]), logit(three(symptoms)[0]), self[i]],
  ];
  const rtiFeatures = ({ text, symptoms }: Judged, i: number) => {
    const odds = ([, rti, bronchitis]: number[]) => Math.log((rti + 1e-9) / (bronchitis + 1e-9));
    return [odds(three(text)), odds(three(symptoms)), -reports[i]];
  };

  const empty = () => dialogues.map((): number[] => []);
  const result = {
    ...{ classes, folds, parts: { symptoms: empty(), reports: reports.map((value) => [Number.NaN, -value, value]) } },
    baseline: { threeClass: empty(), tenClass: empty() },
    stack: { threeClass: empty(), tenClass: empty() },
    pool: { threeClass: empty() },
  };
  for (let fold = 0; fold < foldCount; fold++) {
    const train = [...folds.keys()].filter((i) => folds[i] !== fold);
    const test = [...folds.keys()].filter((i) => folds[i] === fold);
    const inner = assignFolds(
      train.map((i) => dialogues[i]),
      innerFolds,
      "inner",
    );
    const judged = new Map<number, Judged>();
    for (let k = 0; k < innerFolds; k++) {
      const part = (inside: boolean) => train.filter((_, at) => (inner[at] === k) === inside);
      for (const [at, one] of judge(part(false), part(true)).entries()) judged.set(part(true)[at], one);
      progress(`fold ${fold + 1} of ${foldCount}, inner ${k + 1} of ${innerFolds}`);
    }
    const of = (i: number) => judged.get(i) as Judged;
    const respiratory = train.filter((i) => disease[i] >= 0);
    const pneumonia = trainStack(
      respiratory.map((i) => pneumoniaFeatures(of(i), i)),
      respiratory.map((i) => (disease[i] === 0 ? 1 : 0)),
    );
    const upper = respiratory.filter((i) => disease[i] > 0);
    const rti = trainStack(
      upper.map((i) => rtiFeatures(of(i), i)),
      upper.map((i) => (disease[i] === 1 ? 1 : 0)),
    );
    const weight = symptomWeight(train.map((i) => ({ ...of(i), own: own[i] })));
    for (const [k, one] of judge(train, test).entries()) {
      const i = test[k];
      const [p, q] = [sigmoid(pneumonia(pneumoniaFeatures(one, i))), sigmoid(rti(rtiFeatures(one, i)))];
      result.baseline.tenClass[i] = one.text;
      result.baseline.threeClass[i] = three(one.text);
      result.parts.symptoms[i] = three(one.symptoms);
      result.stack.threeClass[i] = [p, (1 - p) * q, (1 - p) * (1 - q)];
      result.stack.tenClass[i] = product(one, weight);
      const [u, v] = [pneumoniaFeatures(one, i), rtiFeatures(one, i)];
      const [pooled, upperShare] = [
        sigmoid(u[0] + fixed.symptoms * u[1] + fixed.selfReports * ((u[2] - selfMean) / selfWidth)),
        sigmoid(v[0] + fixed.symptoms * v[1] + (fixed.reports * v[2]) / 2),
      ];
      result.pool.threeClass[i] = [pooled, (1 - pooled) * upperShare, (1 - pooled) * (1 - upperShare)];
    }
    progress(`fold ${fold + 1} of ${foldCount}`);
  }
  return result;
}

function denseStarts(rows: readonly Float64Array[]) {
  const width = rows[0].length;
  const values = new Float64Array(rows.length * width);
  for (const [i, row] of rows.entries()) values.set(row, i * width);
  return {
    starts: Int32Array.from({ length: rows.length + 1 }, (_, i) => i * width),
    indices: Int32Array.from(values.keys(), (k) => k % width),
    values,
  };
}

/** Text and symptoms as one: p ∝ text · symptoms^weight. */
function product({ text, symptoms }: { text: number[]; symptoms: number[] }, weight: number): number[] {
  return [...softmax(Float64Array.from(text, (p, c) => Math.log(p + 1e-12) + weight * Math.log(symptoms[c] + 1e-12)))];
}

/** The weight under which the true classes of inner predictions are likeliest. */
function symptomWeight(notes: readonly { text: number[]; symptoms: number[]; own: number }[]): number {
  const loss = (weight: number) =>
    notes.reduce((sum, note) => sum - Math.log(product(note, weight)[note.own] + 1e-12), 0);
  return [0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1].reduce((best, weight) => (loss(weight) < loss(best) ? weight : best));
}

/** Log-odds of bronchitis against RTI for the first `count` rows of the kernel, learned from those after them. */
function bronchitisByReports(
  kernel: readonly Float64Array[],
  reported: ResearchSets["reported"],
  count: number,
): number[] {
  const usable = [...reported.keys()].filter((i) => {
    const [pneumonia, rti, bronchitis] = reported[i].labels;
    return pneumonia === 0 && rti !== undefined && bronchitis !== undefined && rti + bronchitis === 1;
  });
  const scores = kernelLogistic(
    kernel,
    { train: usable.map((i) => count + i), test: Array.from({ length: count }, (_, i) => i) },
    usable.map((i) => (reported[i].labels[2] === 1 ? [0, 1] : [1, 0])),
    l2.ngrams,
  );
  return scores.map(([rti, bronchitis]) => Math.max(-6, Math.min(6, bronchitis - rti)));
}

/** Log-odds of pneumonia against RTI for each text, learned from self-reports. */
function pneumoniaBySelfReports(selfReports: ResearchSets["selfReports"], texts: readonly string[]): number[] {
  const all = [...selfReports.map(({ input }) => input.text), ...texts];
  const rows = ngramRows(all, learnNgrams(all));
  const kernel = linearKernel(rows);
  const train = [...selfReports.keys()];
  const test = Array.from({ length: rowCount(rows) - train.length }, (_, i) => train.length + i);
  const targets = selfReports.map(({ labels }) => (labels[0] === 1 ? [1, 0] : [0, 1]));
  return kernelLogistic(kernel, { train, test }, targets, l2.selfReports).map(([pneumonia, rti]) => pneumonia - rti);
}
