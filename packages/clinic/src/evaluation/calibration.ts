/** Notes of about the same probability. */
export interface ReliabilityBin {
  readonly low: number;
  readonly high: number;
  readonly count: number;
  /** Mean of the probabilities, and share that has the disease; NaN in an empty bin. */
  readonly predicted: number;
  readonly observed: number;
}

/** Mean squared distance of probability and outcome (Brier 1950). */
export function brier(probabilities: readonly number[], labels: readonly (0 | 1)[]): number {
  return probabilities.reduce((sum, p, i) => sum + (p - labels[i]) ** 2, 0) / probabilities.length;
}

/** Bins of equal width in 0…1; a probability on a border belongs to the bin above, 1 to the last. */
export function reliabilityBins(
  probabilities: readonly number[],
  labels: readonly (0 | 1)[],
  bins = 10,
): ReliabilityBin[] {
  const sums = Array.from({ length: bins }, () => ({ count: 0, p: 0, y: 0 }));
  for (const [i, p] of probabilities.entries()) {
    const sum = sums[Math.min(bins - 1, Math.floor(p * bins))];
    sum.count++;
    sum.p += p;
    sum.y += labels[i];
  }
  return sums.map(({ count, p, y }, i) => ({
    ...{ low: i / bins, high: (i + 1) / bins, count },
    ...{ predicted: p / count, observed: y / count },
  }));
}

/** Expected calibration error: |predicted − observed| of the bins, weighted by their notes (Naeini et al. 2015). */
export function expectedCalibrationError(bins: readonly ReliabilityBin[]): number {
  const total = bins.reduce((sum, { count }) => sum + count, 0);
  return bins.reduce(
    (sum, { count, predicted, observed }) =>
      count === 0 ? sum : sum + (count / total) * Math.abs(predicted - observed),
    0,
  );
}
