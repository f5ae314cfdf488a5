import { compareAccuracy, compareMeanAveragePrecision, type Estimate, scorePredictions } from "@baltoro/clinic";
import {
  hasResearchSets,
  predictDialogues,
  readResearchSets,
} from "../../../packages/clinic/src/baselines/dialogues/index.ts";
import { type Check, textTable } from "../../harness.ts";

/** How often results on the outer folds were seen: docs/results/clinic-diagnosis.md. */
export const outerLooks = { earlier: 78, pool: 1, secondPool: 1 };

export interface RealPart {
  readonly figures: Record<string, unknown>;
  readonly checks: readonly Check[];
  readonly lines: readonly string[];
}

const text = ({ value, low, high }: Estimate) => `${value.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;

/** Five-fold on the real dialogues, baseline and pool in the same folds. Undefined where the sets are absent. */
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
    "the same n-grams, given all labelled text": four(predictions.moreText.threeClass),
    "symptoms foreseen from the text, alone": four(predictions.symptoms.threeClass),
    pool: four(predictions.pool.threeClass),
    "second pool": four(predictions.secondPool.threeClass),
  };
  const reports = Object.fromEntries(
    Object.entries(models).map(([name, scores]) => [name, scorePredictions(respiratory, scores)]),
  );
  const gainOf = (scores: readonly (readonly number[])[]) => compareMeanAveragePrecision(respiratory, scores, baseline);
  const gain = gainOf(models.pool);
  const secondGain = gainOf(models["second pool"]);
  const dataGain = gainOf(models["the same n-grams, given all labelled text"]);
  const hits = (rows: readonly number[][]) =>
    sets.dialogues.map(({ label }, i) => predictions.classes[rows[i].indexOf(Math.max(...rows[i]))] === label);
  const accuracyOf = ({ tenClass }: { readonly tenClass: readonly number[][] }) =>
    compareAccuracy(hits(tenClass), hits(predictions.baseline.tenClass));
  const accuracy = accuracyOf(predictions.pool);
  const secondAccuracy = accuracyOf(predictions.secondPool);
  const dataAccuracy = accuracyOf(predictions.moreText);
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
      secondGain,
      dataGain,
      tenClassAccuracy: accuracy,
      secondTenClassAccuracy: secondAccuracy,
      dataAccuracy,
      outerLooks,
      predictions: { ...predictions, ids: sets.dialogues.map(({ id }) => id) },
    },
    checks: [{ name: "realMapGain", value: gain.difference.low, atLeast: 0 }],
    lines: [
      `Real dialogues, five-fold, ${respiratory.length} with one of three diseases: average precision`,
      ...textTable(["model", "pneumonia", "RTI", "bronchitis", "mean (95 % interval)", "calibration error"], rows),
      `gain of the pool ${text(gain.difference)}; realMapGain is the lower end of that interval`,
      `gain of the second pool ${text(secondGain.difference)}: the second of two looks, told beside the first`,
      `gain of the same n-grams given all labelled text ${text(dataGain.difference)}`,
      `ten-class accuracy: pool ${text(accuracy.ours)}, n-grams ${text(accuracy.theirs)}, difference ${text(accuracy.difference)}`,
      `ten-class accuracy of the second pool ${text(secondAccuracy.ours)}, difference ${text(secondAccuracy.difference)}`,
      `ten-class accuracy of n-grams given all labelled text ${text(dataAccuracy.ours)}, difference ${text(dataAccuracy.difference)}`,
      `Outer folds were looked at about ${outerLooks.earlier} times for an earlier procedure, once for the pool, once for the second pool (docs/results/clinic-diagnosis.md).`,
    ],
  };
}
