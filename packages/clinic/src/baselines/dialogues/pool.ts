import { sigmoid, softmax } from "../logistic.ts";
import { type Classes, ranked } from "./classes.ts";
import type { Corpus } from "./corpus.ts";
import type { Reading } from "./readings.ts";

/**
 * No weight is learned; two sets of them were fixed, each before its result on the outer folds was known (docs/results/clinic-diagnosis.md).
 *
 * First: text counts 1; each other source counts half as much, in units of its spread (standard deviation), self-reports of another site a
 * quarter. The numbers are that share times the ratio of the spreads of text and source on the dialogues with reports (`bench clinic
 * --only reports`).
 *
 * Second: symptoms count as much as text, and half of the text of pneumonia is the one with softened labels. Classes leave reports out.
 */
export const poolings = {
  first: {
    pneumonia: { text: 1, softText: 0, symptoms: 0.6, named: 2, selfReports: 0.6 },
    lower: { text: 1, symptoms: 0.75, named: 2 },
    classes: { text: "moreText", symptoms: 0.5 },
  },
  second: {
    pneumonia: { text: 0.5, softText: 0.5, symptoms: 1, named: 2, selfReports: 0.6 },
    lower: { text: 1, symptoms: 0.75, named: 2 },
    classes: { text: "ngrams", symptoms: 1 },
  },
} as const;

export type Pooling = (typeof poolings)[keyof typeof poolings];

/**
 * Sources agree more often than by chance, so that their sum is too sure: of bronchitis against RTI on the dialogues with reports, log-odds
 * are 0.62 of it. Does not change the order by either question, only how the two meet in the three probabilities.
 */
const sureness = 0.6;

const [pneumonia, rti, bronchitis] = (["pneumonia", "rti", "bronchitis"] as const).map((one) => ranked.indexOf(one));

/** Shares of the ranked diseases: each the sum of its classes, as if no other class were possible. */
export function rankedShares({ rankedAs }: Classes, probabilities: readonly number[]): number[] {
  const sums = ranked.map((_, d) => probabilities.reduce((sum, p, c) => (rankedAs[c] === d ? sum + p : sum), 0));
  const total = sums.reduce((sum, value) => sum + value, 0);
  return sums.map((value) => value / total);
}

const logOdds = (yes: number, no: number): number => Math.log((yes + 1e-9) / (no + 1e-9));

/** Log-odds of pneumonia against the other two, and of bronchitis against RTI, by each source. */
export interface SourceScores {
  readonly pneumonia: Readonly<Record<"text" | "softText" | "symptoms" | "named" | "selfReports", number>>;
  readonly lower: Readonly<Record<"text" | "symptoms" | "named", number>>;
}

export function scoreSources({ classes, bySymptoms }: Corpus, reading: Reading): SourceScores {
  const symptoms = rankedShares(classes, reading.symptoms);
  const shares = rankedShares(classes, bySymptoms.logShares.map(Math.exp));
  const against = (of: readonly number[]) => logOdds(of[pneumonia], of[rti] + of[bronchitis]);
  const between = (of: readonly number[]) => logOdds(of[bronchitis], of[rti]);
  return {
    pneumonia: {
      text: against(reading.respiratory),
      softText: against(rankedShares(classes, reading.softText)),
      // Beyond the shares that the diseases had among the cases that the model is of.
      symptoms: against(symptoms) - against(shares),
      named: reading.named.pneumonia,
      selfReports: reading.selfReports,
    },
    lower: { text: reading.lower, symptoms: between(symptoms) - between(shares), named: reading.named.lower },
  };
}

/** Weighted sum of log-odds. */
export function weigh<Source extends string>(
  scores: Readonly<Record<Source, number>>,
  weights: Readonly<Record<Source, number>>,
): number {
  return (Object.keys(weights) as Source[]).reduce((sum, source) => sum + weights[source] * scores[source], 0);
}

/** Probabilities of `ranked`: pneumonia or not, and if not, bronchitis or RTI. */
export function poolRanked(scores: SourceScores, pooling: Pooling): number[] {
  const p = sigmoid(sureness * weigh(scores.pneumonia, pooling.pneumonia));
  const q = sigmoid(sureness * weigh(scores.lower, pooling.lower));
  const result = ranked.map(() => p);
  result[bronchitis] = (1 - p) * q;
  result[rti] = (1 - p) * (1 - q);
  return result;
}

/** Probabilities of all classes: p ∝ p(text) · p(symptoms)^weight. */
export function poolClasses(reading: Reading, { classes }: Pooling): number[] {
  const scores = Float64Array.from(
    reading[classes.text],
    (p, c) => Math.log(p + 1e-12) + classes.symptoms * Math.log(reading.symptoms[c] + 1e-12),
  );
  return [...softmax(scores)];
}
