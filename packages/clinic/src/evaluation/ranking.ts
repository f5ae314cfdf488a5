/** Notes by falling score, those of equal score side by side: what every measure of a ranking is computed from. */
export interface Ranking {
  /** Notes, the highest score first. */
  readonly order: Int32Array;
  /** Where in `order` each group of equal scores ends. */
  readonly groupEnds: Int32Array;
  readonly labels: readonly (0 | 1)[];
}

/** @throws RangeError where a score is not finite */
export function rank(scores: readonly number[], labels: readonly (0 | 1)[]): Ranking {
  if (scores.length !== labels.length) throw new RangeError(`${scores.length} scores for ${labels.length} labels`);
  const wrong = scores.findIndex((score) => !Number.isFinite(score));
  if (wrong >= 0) throw new RangeError(`score ${wrong} is ${scores[wrong]}, expected a finite number`);
  const order = Int32Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a] || a - b);
  const ends: number[] = [];
  for (let i = 0; i < order.length; i++) {
    if (i + 1 === order.length || scores[order[i]] !== scores[order[i + 1]]) ends.push(i + 1);
  }
  return { order, groupEnds: Int32Array.from(ends), labels };
}

/**
 * Average precision without interpolation: Σ (R_k − R_{k−1}) P_k over the distinct scores, highest first, P and R being precision
 * and recall of all notes at or above the k-th score. Notes of equal score come in together, so that their order is of no matter
 * (the definition of scikit-learn's average_precision_score). NaN without a positive.
 *
 * @param counts how often each note counts, for the bootstrap; default once
 */
export function averagePrecisionOf({ order, groupEnds, labels }: Ranking, counts?: Int32Array): number {
  let [seen, hits, sum, at] = [0, 0, 0, 0];
  for (const end of groupEnds) {
    let found = 0;
    for (; at < end; at++) {
      const count = counts ? counts[order[at]] : 1;
      seen += count;
      if (labels[order[at]] === 1) found += count;
    }
    hits += found;
    if (found > 0) sum += (found * hits) / seen;
  }
  return hits === 0 ? Number.NaN : sum / hits;
}

/** Share of pairs of a positive and a negative note that are in the right order, ties half (Mann–Whitney). NaN without both. */
export function aurocOf({ order, groupEnds, labels }: Ranking, counts?: Int32Array): number {
  let [positives, negatives, right, at] = [0, 0, 0, 0];
  for (const end of groupEnds) {
    let [p, n] = [0, 0];
    for (; at < end; at++) {
      const count = counts ? counts[order[at]] : 1;
      if (labels[order[at]] === 1) p += count;
      else n += count;
    }
    right += n * (positives + p / 2);
    positives += p;
    negatives += n;
  }
  return right / (positives * negatives);
}

export function averagePrecision(scores: readonly number[], labels: readonly (0 | 1)[]): number {
  return averagePrecisionOf(rank(scores, labels));
}

export function auroc(scores: readonly number[], labels: readonly (0 | 1)[]): number {
  return aurocOf(rank(scores, labels));
}
