import { kernelLogistic, kernelRidge } from "../kernel.ts";
import { linearScores, softmax } from "../logistic.ts";
import { sparseRows } from "../sparse.ts";
import { ranked } from "./classes.ts";
import type { Corpus } from "./corpus.ts";
import { namings } from "./named.ts";

/** What each source says of one masked text. */
export interface Reading {
  /** Probability of each class by n-grams of the dialogues trained on: the baseline. */
  readonly ngrams: readonly number[];
  /** The same of a model that was given every other labelled text too. */
  readonly moreText: readonly number[];
  /** The same of a model whose labels are softened: half the label, half what the dialogue's annotated symptoms say of the class. */
  readonly softText: readonly number[];
  /** The same by symptoms that are foreseen from the text. */
  readonly symptoms: readonly number[];
  /** Probability of `ranked` by n-grams of those dialogues trained on that have one of the three. */
  readonly respiratory: readonly number[];
  /** Log-odds of bronchitis against RTI by n-grams, those of dialogues with reports too. */
  readonly lower: number;
  /** How far above the average the shares are with which speakers will name pneumonia, and bronchitis rather than RTI. */
  readonly named: { readonly pneumonia: number; readonly lower: number };
  /** Log-odds of pneumonia against RTI by n-grams of self-reports. */
  readonly selfReports: number;
}

/** Penalties. Those of n-grams, the baseline's too, and of self-reports are from an earlier procedure; the others were set on the dialogues with reports. */
const l2 = { ngrams: 1e-4, selfReports: 1e-3, spotting: 0.3, named: 0.5 } as const;

/**
 * Reads texts by models of the rows `train` and of the sets without dialogues in them.
 *
 * @param train rows of `corpus.dialogues` and of `corpus.reported`. Of other rows of these neither label, annotation nor name is looked at
 * @param test any rows that are not in `train`
 */
export function readDialogues(corpus: Corpus, train: readonly number[], test: readonly number[]): Reading[] {
  const { kernel, classes, own, disease, sets, named, bySymptoms } = corpus;
  const dialogues = train.filter((i) => own[i] >= 0);
  const oneOf = (index: number, count: number): number[] =>
    Array.from({ length: count }, (_, c) => (c === index ? 1 : 0));
  const logistic = (
    rows: readonly number[],
    target: (row: number) => readonly number[],
    penalty: number,
    link: "softmax" | "sets" = "softmax",
  ) => kernelLogistic(kernel, { train: rows, test }, rows.map(target), penalty, link);
  const shares = (scores: readonly Float64Array[]) => scores.map((one) => [...softmax(one)]);
  const odds = (scores: readonly Float64Array[]) => scores.map(([no, yes]) => yes - no);

  const ofClass = (i: number) => oneOf(own[i], classes.labels.length);
  const ngrams = shares(logistic(dialogues, ofClass, l2.ngrams));
  const labelled = [...train, ...corpus.selfReports].filter((i) => own[i] >= 0 || sets[i]);
  const moreText = shares(logistic(labelled, (i) => sets[i] ?? ofClass(i), l2.ngrams, "sets"));

  const annotated = dialogues.map((i) => corpus.symptoms[i]);
  const judgeSymptoms = (rows: readonly ArrayLike<number>[]) =>
    shares(
      linearScores(
        bySymptoms.model,
        sparseRows(
          rows.map((values) => Array.from(values, (value, c) => [c, value] as const)),
          bySymptoms.terms,
        ),
      ),
    );
  const taught = new Map(judgeSymptoms(annotated).map((said, k) => [dialogues[k], said]));
  const soft = (i: number) => ofClass(i).map((own, c) => (own + (taught.get(i) as number[])[c]) / 2);
  const softText = shares(logistic(dialogues, soft, l2.ngrams));
  const foreseen = kernelRidge(kernel, { train: dialogues, test }, annotated, l2.spotting);
  const symptoms = judgeSymptoms(foreseen);

  const respiratory = shares(
    logistic(
      dialogues.filter((i) => disease[i] >= 0),
      (i) => oneOf(disease[i], ranked.length),
      l2.ngrams,
    ),
  );
  const [rti, bronchitis] = [ranked.indexOf("rti"), ranked.indexOf("bronchitis")];
  const lower = odds(
    logistic(
      train.filter((i) => disease[i] === rti || disease[i] === bronchitis),
      (i) => oneOf(disease[i] === bronchitis ? 1 : 0, 2),
      l2.ngrams,
    ),
  );
  const selfReports = odds(
    logistic(
      corpus.selfReports.filter((i) => disease[i] >= 0),
      (i) => oneOf(disease[i] === rti ? 0 : 1, 2),
      l2.selfReports,
    ),
  );

  const names = train.map((i) => named[i] as readonly number[]);
  const average = namings.map((_, c) => names.reduce((sum, one) => sum + one[c], 0) / names.length);
  const foreseenNames = kernelRidge(kernel, { train, test }, names, l2.named).map((values) =>
    sumByDisease(values.map((value, c) => value - average[c])),
  );
  return test.map((_, k) => ({
    ...{
      ngrams: ngrams[k],
      moreText: moreText[k],
      softText: softText[k],
      symptoms: symptoms[k],
      respiratory: respiratory[k],
      lower: lower[k],
    },
    named: {
      pneumonia: foreseenNames[k].pneumonia,
      lower: foreseenNames[k].bronchitis - foreseenNames[k].rti,
    },
    selfReports: selfReports[k],
  }));
}

/** Doctor and parent together. */
function sumByDisease(values: ArrayLike<number>): Record<(typeof namings)[number]["disease"], number> {
  const sums = { pneumonia: 0, bronchitis: 0, rti: 0 };
  for (const [c, { disease }] of namings.entries()) sums[disease] += values[c];
  return sums;
}
