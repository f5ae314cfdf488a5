import { averagePrecision } from "../evaluation/index.ts";
import type { Example } from "../examples/index.ts";

/** Mean of the average precisions of the labels that have a positive and a negative note; NaN where none has. */
export function meanAveragePrecision(scores: readonly (readonly number[])[], examples: readonly Example[]): number {
  const classes = examples[0]?.labels.length ?? 0;
  const values = Array.from({ length: classes }, (_, c) => c).flatMap((c) => {
    const known = examples.flatMap(({ labels }, n) => {
      const label = labels[c];
      return label === undefined ? [] : [{ score: scores[n][c], label }];
    });
    const labels = known.map(({ label }) => label);
    if (!labels.includes(1) || !labels.includes(0)) return [];
    return [
      averagePrecision(
        known.map(({ score }) => score),
        labels,
      ),
    ];
  });
  return values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value, 0) / values.length;
}
