/** A point of a curve; a null breaks the line. */
export interface Point {
  readonly x: number;
  readonly y: number | null;
}

/**
 * Mean over a centred window of `width` points on either side, with triangular weights: no lag. At the start the window gets
 * smaller, since a loss falls steeply there; at the end it is cut off on one side. Gaps stay out of it.
 */
export function smooth(points: readonly Point[], width: number): Point[] {
  return points.map(({ x }, i) => {
    const reach = Math.min(width, i);
    let [sum, weights] = [0, 0];
    for (let k = -reach; k <= Math.min(reach, points.length - 1 - i); k++) {
      const y = points[i + k].y;
      if (y === null) continue;
      const weight = 1 - Math.abs(k) / (reach + 1);
      sum += weight * y;
      weights += weight;
    }
    return { x, y: weights > 0 ? sum / weights : null };
  });
}

/** A window that hides the noise and keeps the shape: a fiftieth of the run on either side. */
export function smoothingWidth(count: number): number {
  return Math.max(2, Math.round(count / 50));
}

/**
 * At most about `limit` points that look the same: lowest and highest of each bucket, in their order, so that no spike is
 * lost. A gap within a bucket is kept.
 */
export function thin(points: readonly Point[], limit: number): readonly Point[] {
  if (points.length <= limit) return points;
  const buckets = Math.max(1, limit >> 1);
  const kept: Point[] = [];
  for (let bucket = 0; bucket < buckets; bucket++) {
    const from = Math.floor((bucket * points.length) / buckets);
    const to = Math.floor(((bucket + 1) * points.length) / buckets);
    let [low, high, gap] = [-1, -1, -1];
    for (let i = from; i < to; i++) {
      const y = points[i].y;
      if (y === null) gap = i;
      else {
        if (low < 0 || y < (points[low].y ?? y)) low = i;
        if (high < 0 || y > (points[high].y ?? y)) high = i;
      }
    }
    for (const i of [...new Set([low, high, gap])].filter((index) => index >= 0).sort((a, b) => a - b))
      kept.push(points[i]);
  }
  // The curve begins and ends where it did.
  if (kept[0] !== points[0]) kept.unshift(points[0]);
  const last = points[points.length - 1];
  if (kept[kept.length - 1] !== last) kept.push(last);
  return kept;
}

/** The finite values of a curve. */
export function finiteValues(points: readonly Point[]): number[] {
  return points.flatMap(({ y }) => (y === null || !Number.isFinite(y) ? [] : [y]));
}

/** The middle value; of an even number the mean of the middle two. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
