import { betaQuantile } from "./beta.ts";

/** From which probability on a disease is in the set. */
export interface ConformalThreshold {
  readonly threshold: number;
  /** Calibration notes with the disease. */
  readonly count: number;
  /**
   * 95 % interval of the coverage that this one threshold has on new notes with the disease: over calibration sets it is
   * Beta(n + 1 − l, l), l = ⌊(n + 1) α⌋ (Vovk 2012; Angelopoulos & Bates 2021, section 3.2). Wide where the class is small.
   */
  readonly coverage: readonly [number, number];
}

/**
 * Class-conditional split conformal thresholds: a note that has the disease is in the set with probability ≥ 1 − alpha, if new notes
 * are exchangeable with these. With l = 0 (too few notes) the set takes everything, and the threshold is 0. NaN scores are none.
 *
 * @param probabilities of calibration notes that no model was trained on
 */
export function fitConformal(
  probabilities: readonly number[],
  labels: readonly (0 | 1 | undefined)[],
  alpha = 0.1,
): ConformalThreshold {
  const positives = probabilities.filter((p, i) => labels[i] === 1 && !Number.isNaN(p)).sort((a, b) => a - b);
  const n = positives.length;
  const l = Math.floor((n + 1) * alpha);
  if (l === 0) return { threshold: 0, count: n, coverage: [1, 1] };
  return {
    threshold: positives[l - 1],
    count: n,
    coverage: [betaQuantile(0.025, n + 1 - l, l), betaQuantile(0.975, n + 1 - l, l)],
  };
}

/** Which diseases are in the set. */
export function conformalSet(probabilities: readonly number[], thresholds: readonly ConformalThreshold[]): boolean[] {
  return thresholds.map(({ threshold }, c) => probabilities[c] >= threshold);
}

/** 95 % interval of a share of successes (Clopper–Pearson 1934). */
export function shareInterval(successes: number, count: number): [number, number] {
  return [
    successes === 0 ? 0 : betaQuantile(0.025, successes, count - successes + 1),
    successes === count ? 1 : betaQuantile(0.975, successes + 1, count - successes),
  ];
}

/** A threshold fitted on one half of the notes, judged on the other. */
export interface ConformalReport extends ConformalThreshold {
  /** Notes with the disease in the other half, the share of them whose set has it, and its 95 % interval (Clopper–Pearson). */
  readonly judged: number;
  readonly covered: number;
  readonly interval: readonly [number, number];
  /** Share of notes without it in the other half whose set has it all the same: the price. */
  readonly falselyIn: number;
}

/** @param halves 0: fits the threshold, 1: judges it */
export function judgeConformal(
  probabilities: readonly number[],
  labels: readonly (0 | 1)[],
  halves: readonly number[],
  alpha = 0.1,
): ConformalReport {
  const own = (half: number) => [...halves.keys()].filter((i) => halves[i] === half);
  const first = own(0);
  const fitted = fitConformal(
    first.map((i) => probabilities[i]),
    first.map((i) => labels[i]),
    alpha,
  );
  const inSet = (label: 0 | 1) => {
    const notes = own(1).filter((i) => labels[i] === label);
    return { notes: notes.length, inside: notes.filter((i) => probabilities[i] >= fitted.threshold).length };
  };
  const [positive, negative] = [inSet(1), inSet(0)];
  return {
    ...{ ...fitted, judged: positive.notes, covered: positive.inside / positive.notes },
    interval: positive.notes === 0 ? [0, 1] : shareInterval(positive.inside, positive.notes),
    falselyIn: negative.inside / negative.notes,
  };
}
