import { type DiagnosisModel, type Disease, diseases } from "../diagnosis/index.ts";
import { assignFolds, type Example } from "../examples/index.ts";
import { type BootstrapOptions, bootstrap, type Estimate } from "./bootstrap.ts";
import { brier, expectedCalibrationError, type ReliabilityBin, reliabilityBins } from "./calibration.ts";
import { type ConformalReport, judgeConformal } from "./conformal.ts";
import { areaUnderRisk, type RiskCoveragePoint, riskCoverage } from "./coverage.ts";
import { aurocOf, averagePrecisionOf, type Ranking, rank } from "./ranking.ts";

/** One disease on the notes whose label for it is known. */
export interface DiseaseReport {
  readonly notes: number;
  readonly positives: number;
  readonly averagePrecision: Estimate;
  readonly auroc: Estimate;
  readonly brier: number;
  readonly calibrationError: number;
  readonly bins: readonly ReliabilityBin[];
  readonly riskCoverage: readonly RiskCoveragePoint[];
  readonly areaUnderRisk: number;
  readonly conformal: ConformalReport;
}

export interface EvaluationReport {
  readonly notes: number;
  readonly diseases: Readonly<Partial<Record<Disease, DiseaseReport>>>;
  /** Diseases without a positive note, a known label or a prediction: no part of any mean. */
  readonly left: readonly Disease[];
  readonly meanAveragePrecision: Estimate;
  /** Share of notes with one known disease whose highest probability, among the known diseases, is that one. */
  readonly accuracy: Estimate;
  readonly singleDiseaseNotes: number;
  /** Mean over the diseases. */
  readonly calibrationError: number;
  readonly brier: number;
  readonly ages: readonly SubgroupReport[];
}

/** Average precision among the notes of one age. */
export interface SubgroupReport {
  readonly name: string;
  readonly notes: number;
  readonly diseases: Readonly<
    Partial<Record<Disease, { readonly positives: number; readonly averagePrecision: number }>>
  >;
  readonly meanAveragePrecision: number;
}

const ageBands: readonly (readonly [string, number, number])[] = [
  ["under 2 months", 0, 2],
  ["2–11 months", 2, 12],
  ["1–4 years", 12, 60],
  ["5–9 years", 60, 120],
  ["10–17 years", 120, 216],
];

interface Column {
  readonly disease: Disease;
  readonly index: number;
  /** Of the notes whose label is known. */
  readonly notes: Int32Array;
  readonly scores: readonly number[];
  readonly labels: readonly (0 | 1)[];
  readonly ranking: Ranking;
}

/** A disease's scores where its label is known; undefined where there is no positive, no negative, or no score. */
function columnOf(examples: readonly Example[], scores: readonly (readonly number[])[], index: number) {
  const notes = Int32Array.from(examples.keys()).filter((i) => examples[i].labels[index] !== undefined);
  const own = [...notes].map((i) => scores[i][index]);
  const labels = [...notes].map((i) => examples[i].labels[index] as 0 | 1);
  if (!labels.includes(1) || !labels.includes(0) || own.some(Number.isNaN)) return undefined;
  const column: Column = { disease: diseases[index], index, notes, scores: own, labels, ranking: rank(own, labels) };
  return column;
}

/** Counts of the column's notes out of counts of all. */
function pick(counts: Int32Array | undefined, notes: Int32Array): Int32Array | undefined {
  return counts && notes.map((i) => counts[i]);
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * Scores predictions: per disease and overall, with 95 % bootstrap intervals over notes.
 *
 * @param probabilities [notes][diseases]; NaN for a disease that the model does not know
 * @throws RangeError where the numbers of notes differ
 */
export function scorePredictions(
  examples: readonly Example[],
  probabilities: readonly (readonly number[])[],
  options: BootstrapOptions = {},
): EvaluationReport {
  if (examples.length !== probabilities.length)
    throw new RangeError(`${probabilities.length} predictions for ${examples.length} notes`);
  const columns = diseases.flatMap((_, index) => columnOf(examples, probabilities, index) ?? []);
  const top = examples.map((example, i) => hitOf(example, probabilities[i], columns));
  const estimates = bootstrap(
    examples.length,
    (counts) => {
      const precisions = columns.map(({ notes, ranking }) => averagePrecisionOf(ranking, pick(counts, notes)));
      const areas = columns.map(({ notes, ranking }) => aurocOf(ranking, pick(counts, notes)));
      const [hits, total] = weigh(top, counts);
      return Object.fromEntries([
        ...columns.map(({ disease }, i) => [`${disease}.ap`, precisions[i]]),
        ...columns.map(({ disease }, i) => [`${disease}.auroc`, areas[i]]),
        ["map", mean(precisions)],
        ["accuracy", hits / total],
      ]) as Record<string, number>;
    },
    options,
  );
  const halves = assignFolds(examples, 2, "conformal");
  const byDisease = columns.map(({ disease, notes, scores, labels }): [Disease, DiseaseReport] => {
    const bins = reliabilityBins(scores, labels);
    const curve = riskCoverage(scores, labels);
    return [
      disease,
      {
        ...{ notes: labels.length, positives: labels.filter((label) => label === 1).length },
        ...{ averagePrecision: estimates[`${disease}.ap`], auroc: estimates[`${disease}.auroc`] },
        ...{ brier: brier(scores, labels), calibrationError: expectedCalibrationError(bins), bins },
        ...{ riskCoverage: curve, areaUnderRisk: areaUnderRisk(curve) },
        conformal: judgeConformal(
          scores,
          labels,
          Array.from(notes, (i) => halves[i]),
        ),
      },
    ];
  });
  return {
    notes: examples.length,
    diseases: Object.fromEntries(byDisease),
    left: diseases.filter((disease) => columns.every((column) => column.disease !== disease)),
    meanAveragePrecision: estimates.map,
    accuracy: estimates.accuracy,
    singleDiseaseNotes: top.filter((hit) => hit !== undefined).length,
    calibrationError: mean(byDisease.map(([, { calibrationError }]) => calibrationError)),
    brier: mean(byDisease.map(([, report]) => report.brier)),
    ages: subgroups(examples, probabilities),
  };
}

/** Whether the one disease of the note is ranked first; undefined where it has none or several. */
function hitOf({ labels }: Example, scores: readonly number[], columns: readonly Column[]): boolean | undefined {
  const known = columns.map(({ index }) => index).filter((index) => labels[index] !== undefined);
  const present = known.filter((index) => labels[index] === 1);
  if (present.length !== 1 || labels.filter((label) => label === 1).length !== 1) return undefined;
  return known.every((index) => index === present[0] || scores[index] < scores[present[0]]);
}

function weigh(hits: readonly (boolean | undefined)[], counts: Int32Array | undefined): [number, number] {
  let [right, total] = [0, 0];
  for (const [i, hit] of hits.entries()) {
    if (hit === undefined) continue;
    const count = counts ? counts[i] : 1;
    total += count;
    if (hit) right += count;
  }
  return [right, total];
}

function subgroups(examples: readonly Example[], probabilities: readonly (readonly number[])[]): SubgroupReport[] {
  const inBand = (low: number, high: number) => (age: number | undefined) =>
    age !== undefined && age >= low && age < high;
  const bands: (readonly [string, (age: number | undefined) => boolean])[] = [
    ...ageBands.map(([name, low, high]) => [name, inBand(low, high)] as const),
    ["age unknown", (age) => age === undefined],
  ];
  return bands.flatMap(([name, holds]) => {
    const chosen = [...examples.keys()].filter((i) => holds(examples[i].ageMonths));
    if (chosen.length === 0) return [];
    const part = chosen.map((i) => examples[i]);
    const scores = chosen.map((i) => probabilities[i]);
    const found = diseases.flatMap((disease, index) => {
      const column = columnOf(part, scores, index);
      if (!column) return [];
      const positives = column.labels.filter((label) => label === 1).length;
      return [[disease, { positives, averagePrecision: averagePrecisionOf(column.ranking) }] as const];
    });
    return [
      {
        ...{ name, notes: chosen.length, diseases: Object.fromEntries(found) },
        meanAveragePrecision: mean(found.map(([, { averagePrecision }]) => averagePrecision)),
      },
    ];
  });
}

/** Predicts and scores. */
export async function evaluateModel(
  model: DiagnosisModel,
  examples: readonly Example[],
  options: BootstrapOptions = {},
): Promise<EvaluationReport> {
  return scorePredictions(examples, await model.predict(examples.map(({ input }) => input)), options);
}
