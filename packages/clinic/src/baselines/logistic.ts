import { minimize } from "./minimize.ts";
import { rowCount, type SparseRows } from "./sparse.ts";

export type Link = "softmax" | "sigmoid" | "sets";

/** Weights of a linear model. */
export interface LinearModel {
  readonly outputs: number;
  readonly columns: number;
  /** [columns + 1][outputs]; the last row is the bias. */
  readonly weights: Float64Array;
}

export interface LogisticOptions {
  /** Weight of ‖W‖²/2 beside the mean loss of a note; biases are free. Default 1e-4. */
  readonly l2?: number;
  /**
   * "softmax": one class of several; "sigmoid": each output for itself; "sets": one class of several, known only to be one of a set.
   */
  readonly link: Link;
  /** How much each note counts. Default 1. */
  readonly weights?: ArrayLike<number>;
  readonly iterations?: number;
}

/**
 * Logistic regression on sparse features, by L-BFGS from 0: no randomness.
 *
 * @param targets [notes][outputs] shares in 0…1, NaN where not known (sigmoid). Sets: 1 for each class that it may be, 0 for each that
 *   it is not, NaN for one that the label does not speak of: it was known beforehand not to be that, and its odds are left alone
 */
export function trainLogistic(
  rows: SparseRows,
  targets: readonly ArrayLike<number>[],
  options: LogisticOptions,
): LinearModel {
  const { l2 = 1e-4, link, iterations = 150 } = options;
  const count = rowCount(rows);
  if (count === 0 || targets.length !== count)
    throw new RangeError(`logistic regression: ${targets.length} targets for ${count} notes`);
  const outputs = targets[0].length;
  const { columns } = rows;
  const size = (columns + 1) * outputs;
  const weights = new Float64Array(size);
  let total = 0;
  for (let i = 0; i < count; i++) total += options.weights?.[i] ?? 1;
  const errors = new Float64Array(outputs);
  minimize(
    (point, gradient) => {
      let loss = 0;
      gradient.fill(0);
      for (let i = 0; i < count; i++) {
        scoresOf(point, rows, i, outputs, errors);
        const weight = (options.weights?.[i] ?? 1) / total;
        loss += weight * errorOf[link](errors, targets[i]);
        for (let c = 0; c < outputs; c++) errors[c] *= weight;
        for (let j = rows.starts[i]; j < rows.starts[i + 1]; j++) {
          const [at, value] = [rows.indices[j] * outputs, rows.values[j]];
          for (let c = 0; c < outputs; c++) gradient[at + c] += value * errors[c];
        }
        for (let c = 0; c < outputs; c++) gradient[columns * outputs + c] += errors[c];
      }
      let norm = 0;
      for (let k = 0; k < columns * outputs; k++) {
        norm += point[k] * point[k];
        gradient[k] += l2 * point[k];
      }
      return loss + (l2 / 2) * norm;
    },
    weights,
    { iterations },
  );
  return { outputs, columns, weights };
}

function scoresOf(weights: Float64Array, rows: SparseRows, row: number, outputs: number, scores: Float64Array): void {
  const bias = weights.length - outputs;
  for (let c = 0; c < outputs; c++) scores[c] = weights[bias + c];
  for (let j = rows.starts[row]; j < rows.starts[row + 1]; j++) {
    const [at, value] = [rows.indices[j] * outputs, rows.values[j]];
    for (let c = 0; c < outputs; c++) scores[c] += value * weights[at + c];
  }
}

/** Cross-entropy; turns scores into its gradient. */
function softmaxError(scores: Float64Array, target: ArrayLike<number>): number {
  const most = Math.max(...scores);
  let sum = 0;
  for (const score of scores) sum += Math.exp(score - most);
  const logSum = most + Math.log(sum);
  let loss = 0;
  for (let c = 0; c < scores.length; c++) {
    loss += target[c] * (logSum - scores[c]);
    scores[c] = Math.exp(scores[c] - logSum) - target[c];
  }
  return loss;
}

function sigmoidError(scores: Float64Array, target: ArrayLike<number>): number {
  let loss = 0;
  for (let c = 0; c < scores.length; c++) {
    const score = scores[c];
    if (Number.isNaN(target[c])) {
      scores[c] = 0;
      continue;
    }
    loss += Math.max(score, 0) - score * target[c] + Math.log1p(Math.exp(-Math.abs(score)));
    scores[c] = sigmoid(score) - target[c];
  }
  return loss;
}

/** −ln of the share that the classes marked 1 have of those marked 0 or 1. */
function setsError(scores: Float64Array, target: ArrayLike<number>): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < scores.length; c++) if (!Number.isNaN(target[c])) most = Math.max(most, scores[c]);
  let [among, inside] = [0, 0];
  for (let c = 0; c < scores.length; c++) {
    scores[c] = Number.isNaN(target[c]) ? 0 : Math.exp(scores[c] - most);
    among += scores[c];
    if (target[c] === 1) inside += scores[c];
  }
  // A set whose odds are beyond the range of numbers: its loss is that of the least number above 0.
  const share = Math.max(inside, Number.MIN_VALUE);
  for (let c = 0; c < scores.length; c++) scores[c] = scores[c] / among - (target[c] === 1 ? scores[c] / share : 0);
  return Math.log(among) - Math.log(share);
}

const errorOf = { softmax: softmaxError, sigmoid: sigmoidError, sets: setsError } as const;

export function sigmoid(score: number): number {
  return 1 / (1 + Math.exp(-score));
}

/** Scores before the link, [notes][outputs]. */
export function linearScores({ outputs, weights }: LinearModel, rows: SparseRows): Float64Array[] {
  return Array.from({ length: rowCount(rows) }, (_, i) => {
    const scores = new Float64Array(outputs);
    scoresOf(weights, rows, i, outputs, scores);
    return scores;
  });
}

export function softmax(scores: Float64Array): Float64Array {
  const most = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - most));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
