/** Shares at which a distribution's quantiles are kept. */
export const quantileShares = [
  0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1,
] as const;

/**
 * A distribution as its quantiles at {@link quantileShares}. Between two of them the logarithm of the value (the value itself
 * where it is not positive) runs linearly with the share, above the median with the logarithm of what is still above: tails
 * thin out. A lognormal of σ ≤ 1.5 keeps its mean within 1%. One number alone is a constant.
 */
export type Quantiles = readonly number[];

/** Where a share lies between quantiles; finite at 1, as if a thousandth more were to come. */
function position(share: number): number {
  return share <= 0.5 ? share : 0.5 + Math.log(0.5 / (1 - share + 1e-3 * (2 * share - 1)));
}

const positions = quantileShares.map(position);

/** The value below which the share `u` in [0, 1] lies. */
export function quantileAt(quantiles: Quantiles, u: number): number {
  if (quantiles.length === 1) return quantiles[0];
  let i = 1;
  while (i < quantileShares.length - 1 && u > quantileShares[i]) i++;
  const [low, high] = [quantiles[i - 1], quantiles[i]];
  const share = (position(u) - positions[i - 1]) / (positions[i] - positions[i - 1]);
  return low > 0 ? low * (high / low) ** share : low + share * (high - low);
}

/** Mean of the distribution, by the midpoint rule. */
export function quantileMean(quantiles: Quantiles): number {
  if (quantiles.length === 1) return quantiles[0];
  const pieces = 50;
  let mean = 0;
  for (let i = 1; i < quantileShares.length; i++) {
    const step = (quantileShares[i] - quantileShares[i - 1]) / pieces;
    for (let k = 0; k < pieces; k++) mean += step * quantileAt(quantiles, quantileShares[i - 1] + (k + 0.5) * step);
  }
  return mean;
}

/** Quantiles of values, rounded to three significant digits: enough to draw from, too little to tell one request by. */
export function quantilesOf(values: Iterable<number>): Quantiles {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) return [0];
  return quantileShares.map((share) => {
    const at = share * (sorted.length - 1);
    const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
    return Number((low + (at - Math.floor(at)) * (high - low)).toPrecision(3));
  });
}

/** Whether these are quantiles: one number or as many as there are shares, finite, none below the one before. */
export function areQuantiles(value: unknown): value is Quantiles {
  return (
    Array.isArray(value) &&
    (value.length === 1 || value.length === quantileShares.length) &&
    value.every((number, i) => Number.isFinite(number) && (i === 0 || number >= value[i - 1]))
  );
}

/** Quantiles of a lognormal distribution, from its median and the standard deviation of its logarithm, cut at 3.29σ. */
export function lognormal(median: number, sigma: number): Quantiles {
  const z = [0.2533, 0.5244, 0.8416, 1.2816, 1.6449, 2.3263, 3.0902, 3.29];
  const all = [
    -3.29,
    ...z
      .slice(0, 6)
      .reverse()
      .map((deviations) => -deviations),
    0,
    ...z,
  ];
  return all.map((deviations) => Number((median * Math.exp(deviations * sigma)).toPrecision(4)));
}
