/** What is wrong among the notes that a model does not abstain from. */
export interface RiskCoveragePoint {
  /** Share of notes answered, the surest first. */
  readonly coverage: number;
  /** Share of them that are wrong, "has it" being said from one half on. */
  readonly risk: number;
}

/** Risk by coverage of one disease; sureness is the distance from one half. Notes of equal sureness come in together. */
export function riskCoverage(probabilities: readonly number[], labels: readonly (0 | 1)[]): RiskCoveragePoint[] {
  const sureness = probabilities.map((p) => Math.abs(p - 0.5));
  const order = [...probabilities.keys()].sort((a, b) => sureness[b] - sureness[a] || a - b);
  const points: RiskCoveragePoint[] = [];
  let wrong = 0;
  for (const [rank, i] of order.entries()) {
    if ((probabilities[i] >= 0.5 ? 1 : 0) !== labels[i]) wrong++;
    const next = order[rank + 1];
    if (next !== undefined && sureness[next] === sureness[i]) continue;
    points.push({ coverage: (rank + 1) / order.length, risk: wrong / (rank + 1) });
  }
  return points;
}

/** Area under risk by coverage, as a step to the left of each point: the mean risk over all coverages. */
export function areaUnderRisk(points: readonly RiskCoveragePoint[]): number {
  let [area, before] = [0, 0];
  for (const { coverage, risk } of points) {
    area += (coverage - before) * risk;
    before = coverage;
  }
  return area;
}

/** The points nearest below the given coverages, thinned for a report. */
export function riskAt(points: readonly RiskCoveragePoint[], coverages: readonly number[]): RiskCoveragePoint[] {
  return coverages.flatMap((coverage) => points.find((point) => point.coverage >= coverage - 1e-12) ?? []);
}
