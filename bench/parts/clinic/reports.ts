import { compareAccuracy, compareMeanAveragePrecision, type Estimate } from "@baltoro/clinic";
import {
  groupOfLabel,
  groupOfReport,
  hasResearchSets,
  poolings,
  predictReported,
  readResearchSets,
  reportGroups,
  weigh,
} from "../../../packages/clinic/src/baselines/dialogues/index.ts";
import { textTable } from "../../harness.ts";

const text = ({ value, low, high }: Estimate) => `${value.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;

/** Standard deviation. */
function spread(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

/**
 * What the reader of real dialogues was developed on: dialogues labelled by their reports, five-fold. The 833 are trained on and not judged.
 * Undefined where the sets are absent.
 */
export function measureReports(folder: string, progress: (message: string) => void) {
  if (!hasResearchSets(folder)) return undefined;
  const sets = readResearchSets(folder);
  const { classes, baseline, moreText, symptoms, pool, secondPool, sources } = predictReported(sets, { progress });
  const at = [...sets.reported.keys()].filter((i) => {
    const [pneumonia, rti, bronchitis] = sets.reported[i].labels;
    return pneumonia === 0 && rti !== undefined && bronchitis !== undefined && rti + bronchitis === 1;
  });
  const judged = at.map((i) => ({ id: String(i), input: { text: "", items: [] }, labels: sets.reported[i].labels }));
  const ofThree = (rows: readonly number[][]) => at.map((i) => [...rows[i], Number.NaN]);
  const ofLower = (score: (i: number) => number) => at.map((i) => [Number.NaN, -score(i), score(i), Number.NaN]);
  const models = {
    "char n-gram logistic, of the 833": ofThree(baseline.threeClass),
    "the same n-grams, given all labelled text": ofThree(moreText.threeClass),
    "symptoms foreseen, alone": ofThree(symptoms.threeClass),
    "text of bronchitis against RTI": ofLower((i) => sources[i].lower.text),
    "names foreseen, alone": ofLower((i) => sources[i].lower.named),
    pool: ofThree(pool.threeClass),
    "second pool": ofThree(secondPool.threeClass),
    "pool, bronchitis against RTI": ofLower((i) => weigh(sources[i].lower, poolings.first.lower)),
  };
  const reference = models["char n-gram logistic, of the 833"];
  const compared = Object.entries(models).map(
    ([name, scores]) => [name, compareMeanAveragePrecision(judged, scores, reference)] as const,
  );
  const groups = sets.reported.map(({ diagnosis, labels }) => groupOfReport(diagnosis, labels));
  const grouped = [...groups.keys()].filter((i) => groups[i] !== undefined);
  const hits = (rows: readonly number[][]) =>
    grouped.map((i) => {
      const sums = reportGroups.map((group) =>
        classes.reduce((sum, label, c) => (groupOfLabel(label) === group ? sum + rows[i][c] : sum), 0),
      );
      return reportGroups[sums.indexOf(Math.max(...sums))] === groups[i];
    });
  const accuracy = Object.entries({ moreText, symptoms, pool, secondPool }).map(
    ([name, { tenClass }]) => [name, compareAccuracy(hits(tenClass), hits(baseline.tenClass))] as const,
  );
  const spreads = (["pneumonia", "lower"] as const).map((question) => {
    const names = Object.keys(sources[0][question]) as (keyof (typeof sources)[number][typeof question])[];
    return `${question} ${names.map((name) => `${name} ${spread(at.map((i) => sources[i][question][name])).toFixed(2)}`).join(", ")}`;
  });
  return {
    figures: { judged: at.length, grouped: grouped.length, compared, accuracy, spreads },
    lines: [
      `Dialogues with reports (development), five-fold, ${at.length} with RTI or bronchitis: average precision, mean of the two`,
      ...textTable(
        ["model", "mean", "less the n-grams of the 833 (95 % interval)"],
        compared.map(([name, { ours, difference }]) => [name, ours.value.toFixed(3), text(difference)]),
      ),
      ...accuracy.map(
        ([name, { ours, theirs, difference }]) =>
          `accuracy of four groups, ${grouped.length} dialogues: ${name} ${ours.value.toFixed(3)}, n-grams of the 833 ${theirs.value.toFixed(3)}, difference ${text(difference)}`,
      ),
      ...spreads.map((line) => `spread of sources: ${line}`),
    ],
  };
}
