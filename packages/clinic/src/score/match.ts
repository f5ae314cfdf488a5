import type { Item } from "../extract/index.ts";

/** What one note's items and its labels have in common. Qualitative items (no number) take no part. */
export interface Matching {
  readonly matched: readonly { readonly label: Item; readonly item: Item }[];
  readonly missed: readonly Item[];
  readonly spurious: readonly Item[];
}

export interface MatchOptions {
  /** Allowed difference of a value, relative to the label's. Default 0.01. */
  readonly tolerance?: number;
}

// A label's own rounding (five significant digits) must not fail a value that lies on the limit.
const slack = 1e-9;

function isNumeric({ value, low, high }: Item): boolean {
  return value !== undefined || (low !== undefined && high !== undefined);
}

function near(label: number, value: number, tolerance: number): boolean {
  return Math.abs(value - label) <= (tolerance + slack) * Math.abs(label);
}

/** Same code, status and, within the tolerance, value or both ends of the range. Where it stands does not matter. */
export function sameResult(label: Item, item: Item, { tolerance = 0.01 }: MatchOptions = {}): boolean {
  if (label.code !== item.code || label.status !== item.status) return false;
  if (label.value !== undefined) return item.value !== undefined && near(label.value, item.value, tolerance);
  if (label.low === undefined || label.high === undefined || item.value !== undefined) return false;
  if (item.low === undefined || item.high === undefined) return false;
  return near(label.low, item.low, tolerance) && near(label.high, item.high, tolerance);
}

/**
 * Pairs labels with items, one to one, as many as can be: a value mentioned twice must be found twice.
 * Among equal mentions the nearer is tried first, so that pairs show the same place where they can.
 */
export function matchItems(labels: readonly Item[], items: readonly Item[], options: MatchOptions = {}): Matching {
  const wanted = labels.filter(isNumeric);
  const found = items.filter(isNumeric);
  const candidates = wanted.map((label) =>
    found
      .map((item, index) => ({ index, distance: Math.abs(item.start - label.start) }))
      .filter(({ index }) => sameResult(label, found[index], options))
      .sort((a, b) => a.distance - b.distance || a.index - b.index)
      .map(({ index }) => index),
  );
  const labelOf = augment(candidates, found.length);
  const itemOf = new Map(labelOf.flatMap((label, item) => (label === undefined ? [] : [[label, item] as const])));
  return {
    matched: [...itemOf]
      .sort(([a], [b]) => a - b)
      .map(([label, item]) => ({ label: wanted[label], item: found[item] })),
    missed: wanted.filter((_, label) => !itemOf.has(label)),
    spurious: found.filter((_, item) => labelOf[item] === undefined),
  };
}

/** Maximum bipartite matching by augmenting paths (Kuhn), breadth first. Gives the left vertex of each right one. */
function augment(candidates: readonly (readonly number[])[], rights: number): (number | undefined)[] {
  const leftOf: (number | undefined)[] = new Array(rights).fill(undefined);
  for (let start = 0; start < candidates.length; start++) {
    // cameFrom: the left vertex from which a right one was reached; rightOf: what a left vertex would give up.
    const cameFrom = new Map<number, number>();
    const rightOf = new Map<number, number>();
    const queue = [start];
    search: for (const left of queue) {
      for (const right of candidates[left]) {
        if (cameFrom.has(right)) continue;
        cameFrom.set(right, left);
        const owner = leftOf[right];
        if (owner !== undefined) {
          rightOf.set(owner, right);
          queue.push(owner);
          continue;
        }
        for (let free: number | undefined = right; free !== undefined; ) {
          const taker: number = cameFrom.get(free)!;
          leftOf[free] = taker;
          free = rightOf.get(taker);
        }
        break search;
      }
    }
  }
  return leftOf;
}
