import { linearKernel } from "../kernel.ts";
import { type LinearModel, trainLogistic } from "../logistic.ts";
import { learnNgrams, ngramRows } from "../ngrams.ts";
import {
  type Classes,
  classesOf,
  type Group,
  groupOfReport,
  ranked,
  reportGroups,
  selfReportGroups,
  setTarget,
} from "./classes.ts";
import type { ResearchSets } from "./read.ts";
import { learnSymptoms, symptomRows, symptomTargets } from "./symptoms.ts";

/** All texts of the sets, as rows of one kernel: dialogues first, then those with reports, then self-reports. */
export interface Corpus {
  readonly classes: Classes;
  /** [rows][rows] of char 1–3-grams, (1 + ln tf) · idf, each row of length 1. */
  readonly kernel: readonly Float64Array[];
  /** Rows of each kind. */
  readonly dialogues: readonly number[];
  readonly reported: readonly number[];
  readonly selfReports: readonly number[];
  /** By row: place of its label in `classes`; −1 for rows that are no dialogue. */
  readonly own: readonly number[];
  /** By row: place of its disease in `ranked`, by label or report; −1 where there is none or no single one is sure. */
  readonly disease: readonly number[];
  /** By row: targets of the link "sets", for rows of other sources whose group is sure. */
  readonly sets: readonly (readonly number[] | undefined)[];
  /** By row: `namedDiseases`; none of self-reports, where one parent speaks and no doctor answers. */
  readonly named: readonly (readonly number[] | undefined)[];
  /** By dialogue: its annotated symptoms, [dialogues][terms]. */
  readonly symptoms: readonly Float64Array[];
  /** Classes by symptoms, learned from other cases, and the log of each class's share of those. */
  readonly bySymptoms: { readonly model: LinearModel; readonly terms: number; readonly logShares: readonly number[] };
}

/** Of the model of symptoms. */
const l2 = 1e-3;

/**
 * Terms and their frequencies are learned from all dialogues without labels. Labels, annotations and names of dialogues are held here but
 * used for those alone that `readDialogues` is given to train on.
 */
export function prepareCorpus({ dialogues, vectors, reported, selfReports }: ResearchSets): Corpus {
  const classes = classesOf(vectors.map(({ label }) => label));
  const unknown = dialogues.find(({ label }) => classes.indexOf(label) < 0);
  if (unknown) throw new RangeError(`dialogue ${unknown.id} has the label ${unknown.label}, which no other case has`);
  const learned = [...dialogues.map(({ input }) => input.text), ...reported.map(({ text }) => text)];
  const texts = [...learned, ...selfReports.map(({ input }) => input.text)];
  const span = (start: number, count: number) => Array.from({ length: count }, (_, i) => start + i);
  const terms = learnSymptoms(vectors.map(({ symptoms }) => symptoms));
  const label = vectors.map((one) => classes.indexOf(one.label));
  const rows = symptomRows(
    vectors.map(({ symptoms }) => symptoms),
    terms,
  );
  const model = trainLogistic(
    rows,
    label.map((own) => classes.labels.map((_, c) => (c === own ? 1 : 0))),
    { link: "softmax", l2 },
  );
  const groups = [
    ...reported.map(({ diagnosis, labels }) => groupOfReport(diagnosis, labels)),
    ...selfReports.map(({ labels }) => selfReportGroups.find((_, d) => labels[d] === 1)),
  ];
  const own = dialogues.map(({ label }) => classes.indexOf(label));
  return {
    classes,
    kernel: linearKernel(ngramRows(texts, learnNgrams(learned))),
    dialogues: span(0, dialogues.length),
    reported: span(dialogues.length, reported.length),
    selfReports: span(learned.length, selfReports.length),
    own: [...own, ...groups.map(() => -1)],
    disease: [
      ...own.map((c) => classes.rankedAs[c]),
      ...groups.map((group) => (ranked as readonly (Group | undefined)[]).indexOf(group)),
    ],
    sets: [
      ...dialogues.map(() => undefined),
      ...groups.map(
        (group, i) => group && setTarget(classes, group, i < reported.length ? reportGroups : selfReportGroups),
      ),
    ],
    named: [
      ...dialogues.map(({ named }) => named),
      ...reported.map(({ named }) => named),
      ...selfReports.map(() => undefined),
    ],
    symptoms: symptomTargets(
      dialogues.map(({ symptoms }) => symptoms),
      terms,
    ),
    bySymptoms: {
      model,
      terms: terms.size,
      logShares: classes.labels.map((_, c) => Math.log(label.filter((one) => one === c).length / label.length)),
    },
  };
}
