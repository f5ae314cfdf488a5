import { linearScores, trainLogistic } from "../logistic.ts";
import { type SparseRow, sparseRows } from "../sparse.ts";

/** Log-odds from a few standardized scores, by a lightly held logistic regression. */
export type Stack = (features: readonly number[]) => number;

/** @param features [notes][scores] that were predicted for notes not trained on */
export function trainStack(features: readonly (readonly number[])[], labels: readonly (0 | 1)[], l2 = 0.01): Stack {
  const columns = features[0].length;
  const moments = Array.from({ length: columns }, (_, c) => {
    const mean = features.reduce((sum, row) => sum + row[c], 0) / features.length;
    const variance = features.reduce((sum, row) => sum + (row[c] - mean) ** 2, 0) / features.length;
    return { mean, width: Math.sqrt(variance) || 1 };
  });
  const row = (values: readonly number[]): SparseRow =>
    values.map((value, c) => [c, (value - moments[c].mean) / moments[c].width] as const);
  const model = trainLogistic(
    sparseRows(features.map(row), columns),
    labels.map((label) => [label]),
    { link: "sigmoid", l2 },
  );
  return (values) => linearScores(model, sparseRows([row(values)], columns))[0][0];
}
