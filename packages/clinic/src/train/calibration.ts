/** p = σ(scale · logit + bias) per disease: scale is 1 / temperature. */
export interface Calibration {
  readonly scale: number;
  readonly bias: number;
}

export const uncalibrated: Calibration = { scale: 1, bias: 0 };

/** Fewest of either label that a calibration is fitted on. */
const fewest = 5;

/** Fits scale and bias by maximum likelihood (Platt 1999), Newton's method with a weak prior at 1 and 0. */
export function calibrate(logits: readonly number[], labels: readonly (0 | 1 | undefined)[]): Calibration {
  const known = logits.flatMap((logit, i) => (labels[i] === undefined ? [] : [{ logit, label: labels[i] as number }]));
  const positives = known.filter(({ label }) => label === 1).length;
  if (positives < fewest || known.length - positives < fewest) return uncalibrated;
  let { scale, bias } = uncalibrated;
  const prior = 1;
  for (let iteration = 0; iteration < 50; iteration++) {
    let [gradientScale, gradientBias] = [prior * (scale - 1), 0];
    let [scaleScale, scaleBias, biasBias] = [prior, 0, 1e-6];
    for (const { logit, label } of known) {
      const p = 1 / (1 + Math.exp(-(scale * logit + bias)));
      const [error, weight] = [p - label, Math.max(p * (1 - p), 1e-9)];
      gradientScale += error * logit;
      gradientBias += error;
      scaleScale += weight * logit * logit;
      scaleBias += weight * logit;
      biasBias += weight;
    }
    const determinant = scaleScale * biasBias - scaleBias * scaleBias;
    const stepScale = (biasBias * gradientScale - scaleBias * gradientBias) / determinant;
    const stepBias = (scaleScale * gradientBias - scaleBias * gradientScale) / determinant;
    // A long step may overshoot where the data are nearly separable.
    const shrink = Math.min(1, 1 / Math.max(Math.abs(stepScale), Math.abs(stepBias), 1e-12));
    scale -= shrink * stepScale;
    bias -= shrink * stepBias;
    if (Math.abs(stepScale) + Math.abs(stepBias) < 1e-9) break;
  }
  // A scale at or below 0 would turn the ranking round.
  return scale > 0.05 ? { scale, bias } : uncalibrated;
}

export function probability(logit: number, { scale, bias }: Calibration): number {
  return 1 / (1 + Math.exp(-(scale * logit + bias)));
}
