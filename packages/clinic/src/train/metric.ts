import type { Example } from "../examples/index.ts";

/** Average precision: the mean over the positives of the precision at their rank; of equal scores the later note comes first. */
export function averagePrecision(scores: readonly number[], labels: readonly (0 | 1)[]): number {
  const order = scores.map((_, i) => i).sort((a, b) => scores[b] - scores[a] || labels[a] - labels[b]);
  let hits = 0;
  let total = 0;
  for (const [rank, i] of order.entries()) {
    if (labels[i] === 0) continue;
    hits++;
    total += hits / (rank + 1);
  }
  return hits === 0 ? Number.NaN : total / hits;
}

/** Mean of the average precisions of the labels that have a positive note; NaN where none has. */
export function meanAveragePrecision(scores: readonly (readonly number[])[], examples: readonly Example[]): number {
  const classes = examples[0]?.labels.length ?? 0;
  const values = Array.from({ length: classes }, (_, c) => c).flatMap((c) => {
    const known = examples.flatMap(({ labels }, n) =>
      labels[c] === undefined ? [] : [{ score: scores[n][c], label: labels[c] }],
    );
    const precision = averagePrecision(
      known.map(({ score }) => score),
      known.map(({ label }) => label),
    );
    return Number.isNaN(precision) ? [] : [precision];
  });
  return values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value, 0) / values.length;
}
