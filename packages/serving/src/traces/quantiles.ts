/** Shares at which a distribution's quantiles are kept. */
export const quantileShares = [0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1] as const;

/**
 * A distribution as its quantiles at {@link quantileShares}; between them it is taken as log-uniform where both are
 * positive, else as uniform. One number alone is a constant.
 */
export type Quantiles = readonly number[];

/** The value below which the share `u` in [0, 1] lies. */
export function quantileAt(quantiles: Quantiles, u: number): number {
  if (quantiles.length === 1) return quantiles[0];
  let i = 1;
  while (i < quantileShares.length - 1 && u > quantileShares[i]) i++;
  const [low, high] = [quantiles[i - 1], quantiles[i]];
  const share = (u - quantileShares[i - 1]) / (quantileShares[i] - quantileShares[i - 1]);
  return low > 0 ? low * (high / low) ** share : low + share * (high - low);
}

/** Mean of the distribution. */
export function quantileMean(quantiles: Quantiles): number {
  if (quantiles.length === 1) return quantiles[0];
  let mean = 0;
  for (let i = 1; i < quantileShares.length; i++) {
    const [low, high] = [quantiles[i - 1], quantiles[i]];
    const middle = low > 0 && high > low * (1 + 1e-9) ? (high - low) / Math.log(high / low) : (low + high) / 2;
    mean += middle * (quantileShares[i] - quantileShares[i - 1]);
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
  const z = [-3.29, -2.3263, -1.6449, -1.2816, -0.6745, 0, 0.6745, 1.2816, 1.6449, 2.3263, 3.0902, 3.29];
  return z.map((deviations) => Number((median * Math.exp(deviations * sigma)).toPrecision(4)));
}
