import { compareAccuracy, compareMeanAveragePrecision, type Estimate, scorePredictions } from "@baltoro/clinic";
import {
  hasResearchSets,
  predictDialogues,
  readResearchSets,
} from "../../../packages/clinic/src/baselines/dialogues/index.ts";
import { type Check, textTable } from "../../harness.ts";

/** Settings whose outer-fold result had been seen when the procedure was settled: docs/results/clinic-diagnosis.md. */
export const outerLooks = { settings: 70, stackings: 8 };

export interface RealPart {
  readonly figures: Record<string, unknown>;
  readonly checks: readonly Check[];
  readonly lines: readonly string[];
}

const text = ({ value, low, high }: Estimate) => `${value.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;

/** Five-fold on the real dialogues, baseline and stack in the same folds. Undefined where the sets are absent. */
export function measureReal(folder: string, progress: (message: string) => void): RealPart | undefined {
  if (!hasResearchSets(folder)) return undefined;
  const sets = readResearchSets(folder);
  const predictions = predictDialogues(sets, { progress });
  const at = [...sets.dialogues.keys()].filter((i) => sets.dialogues[i].labels.includes(1));
  const respiratory = at.map((i) => sets.dialogues[i]);
  // No asthma here.
  const four = (rows: readonly number[][]) => at.map((i) => [...rows[i], Number.NaN]);
  const baseline = four(predictions.baseline.threeClass);
  const models = {
    "char n-gram logistic": baseline,
    "symptoms spotted in the text, alone": four(predictions.parts.symptoms),
    "stack, weights learned on inner folds": four(predictions.stack.threeClass),
    "pool, weights by hand (exploratory)": four(predictions.pool.threeClass),
  };
  const reports = Object.fromEntries(
    Object.entries(models).map(([name, scores]) => [name, scorePredictions(respiratory, scores)]),
  );
  const gain = compareMeanAveragePrecision(respiratory, models["stack, weights learned on inner folds"], baseline);
  const pool = compareMeanAveragePrecision(respiratory, models["pool, weights by hand (exploratory)"], baseline);
  const hits = (rows: readonly number[][]) =>
    sets.dialogues.map(({ label }, i) => predictions.classes[rows[i].indexOf(Math.max(...rows[i]))] === label);
  const accuracy = compareAccuracy(hits(predictions.stack.tenClass), hits(predictions.baseline.tenClass));
  const rows = Object.entries(reports).map(([name, { diseases, meanAveragePrecision, calibrationError }]) => [
    name,
    ...(["pneumonia", "rti", "bronchitis"] as const).map(
      (one) => diseases[one]?.averagePrecision.value.toFixed(3) ?? "–",
    ),
    text(meanAveragePrecision),
    calibrationError.toFixed(3),
  ]);
  return {
    figures: {
      dialogues: sets.dialogues.length,
      respiratory: respiratory.length,
      models: Object.fromEntries(
        Object.entries(reports).map(([name, report]) => [name, { ...report, ages: undefined }]),
      ),
      gain,
      exploratoryPoolGain: pool,
      tenClassAccuracy: accuracy,
      outerLooks,
      predictions: { ...predictions, ids: sets.dialogues.map(({ id }) => id) },
    },
    checks: [{ name: "realMapGain", value: gain.difference.low, atLeast: 0 }],
    lines: [
      `Real dialogues, five-fold, ${respiratory.length} with one of three diseases: average precision`,
      ...textTable(["model", "pneumonia", "RTI", "bronchitis", "mean (95 % interval)", "calibration error"], rows),
      `gain of the stack ${text(gain.difference)}; realMapGain is the lower end of that interval`,
      `gain of the exploratory pool ${text(pool.difference)}: settled after outer results had been seen, no test`,
      `ten-class accuracy: stack ${text(accuracy.ours)}, n-grams ${text(accuracy.theirs)}, difference ${text(accuracy.difference)}`,
      `Before the procedure was settled about ${outerLooks.settings} settings and ${outerLooks.stackings} ways of stacking had been looked at on these outer folds; the intervals do not account for it.`,
    ],
  };
}
