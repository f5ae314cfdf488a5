import { diseases } from "../../diagnosis/index.ts";

/** All sets of diseases: bit c is disease c. */
export const stateCount = 2 ** diseases.length;

/** P(set of diseases), the diseases' probabilities taken as independent. NaN counts as 0: not known to the model. */
export function priorOf(probabilities: readonly number[]): Float64Array {
  const prior = new Float64Array(stateCount);
  for (let state = 0; state < stateCount; state++) {
    let p = 1;
    for (let c = 0; c < diseases.length; c++) {
      const own = Number.isNaN(probabilities[c]) ? 0 : probabilities[c];
      p *= state & (1 << c) ? own : 1 - own;
    }
    prior[state] = p;
  }
  return prior;
}

/** What a test is expected to tell. */
export interface Information {
  /** Mutual information of the test's bin and the set of diseases, bits. */
  readonly gain: number;
  /** Expected absolute change of each disease's probability. */
  readonly change: readonly number[];
}

/**
 * What a test is expected to tell, exactly, over its bins: I(S; B) = Σ_s Σ_b P(s) P(b|s) log2(P(b|s) / P(b)), and
 * Σ_b P(b) |P(d|b) − P(d)| for each disease d.
 *
 * @param prior [states]
 * @param likelihood [states][bins], each row summing to 1
 */
export function expectedInformation(prior: Float64Array, likelihood: readonly (readonly number[])[]): Information {
  const bins = likelihood[0].length;
  const change = diseases.map(() => 0);
  let gain = 0;
  for (let b = 0; b < bins; b++) {
    let marginal = 0;
    const joint = diseases.map(() => 0);
    const before = diseases.map(() => 0);
    for (let s = 0; s < prior.length; s++) {
      const p = prior[s] * likelihood[s][b];
      marginal += p;
      for (let c = 0; c < diseases.length; c++)
        if (s & (1 << c)) {
          joint[c] += p;
          before[c] += prior[s];
        }
    }
    if (marginal === 0) continue;
    for (let s = 0; s < prior.length; s++) {
      const p = likelihood[s][b];
      if (prior[s] > 0 && p > 0) gain += prior[s] * p * Math.log2(p / marginal);
    }
    for (let c = 0; c < diseases.length; c++) change[c] += Math.abs(joint[c] - marginal * before[c]);
  }
  // Rounding may leave −1e−17 of nothing.
  return { gain: Math.max(0, gain), change };
}
