import { generator, shuffle } from "../evaluation/random.ts";
import { sigmoid } from "./logistic.ts";

export interface BoostingOptions {
  readonly rounds?: number;
  readonly learningRate?: number;
  readonly depth?: number;
  /** Fewest Σ p(1 − p) of a leaf. */
  readonly leafWeight?: number;
  /** On leaf values. */
  readonly l2?: number;
  /** Share of notes that each tree sees. */
  readonly subsample?: number;
  readonly bins?: number;
  readonly seed?: number;
}

const defaults = {
  ...{ rounds: 120, learningRate: 0.1, depth: 4, leafWeight: 2, l2: 1, subsample: 0.8, bins: 64, seed: 1 },
} as const;

interface Split {
  readonly column: number;
  /** Values up to it go left. */
  readonly threshold: number;
  readonly missingLeft: boolean;
  readonly left: Tree;
  readonly right: Tree;
}

type Tree = Split | { readonly leaf: number };

/** Trees that add up to a log-odds. */
export interface BoostedTrees {
  readonly base: number;
  readonly trees: readonly Tree[];
}

/**
 * Gradient-boosted trees with logistic loss on histograms of each column; a split learns which way a missing value goes (Chen &
 * Guestrin 2016).
 *
 * @param columns [columns][notes], NaN where missing
 */
export function trainTrees(
  columns: readonly Float64Array[],
  labels: readonly (0 | 1)[],
  options: BoostingOptions = {},
): BoostedTrees {
  const settings = { ...defaults, ...options };
  const count = labels.length;
  const positives = labels.reduce((sum: number, label) => sum + label, 0);
  const base = Math.log((positives + 0.5) / (count - positives + 0.5));
  const binned = columns.map((column) => binColumn(column, settings.bins));
  const scores = new Float64Array(count).fill(base);
  const [gradients, hessians] = [new Float64Array(count), new Float64Array(count)];
  const random = generator(settings.seed);
  const all = Array.from({ length: count }, (_, i) => i);
  const trees: Tree[] = [];
  for (let round = 0; round < settings.rounds; round++) {
    for (let i = 0; i < count; i++) {
      const p = sigmoid(scores[i]);
      gradients[i] = p - labels[i];
      hessians[i] = p * (1 - p);
    }
    const chosen = shuffle(all, random).slice(0, Math.ceil(settings.subsample * count));
    const tree = grow(Int32Array.from(chosen), settings.depth);
    trees.push(tree);
    for (let i = 0; i < count; i++) scores[i] += scoreTree(tree, columns, i);
  }
  return { base, trees };

  function grow(notes: Int32Array, depth: number): Tree {
    let [g, h] = [0, 0];
    for (const i of notes) {
      g += gradients[i];
      h += hessians[i];
    }
    const leaf = { leaf: (-settings.learningRate * g) / (h + settings.l2) };
    if (depth === 0) return leaf;
    const split = bestSplit(binned, notes, gradients, hessians, g, h, settings);
    if (!split) return leaf;
    const { codes, edges } = binned[split.column];
    const goesLeft = (i: number) => (codes[i] === missing ? split.missingLeft : codes[i] <= split.bin);
    return {
      ...{ column: split.column, threshold: edges[split.bin], missingLeft: split.missingLeft },
      ...{
        left: grow(notes.filter(goesLeft), depth - 1),
        right: grow(
          notes.filter((i) => !goesLeft(i)),
          depth - 1,
        ),
      },
    };
  }
}

export function scoreTrees({ base, trees }: BoostedTrees, columns: readonly Float64Array[], note: number): number {
  return trees.reduce((sum, tree) => sum + scoreTree(tree, columns, note), base);
}

function scoreTree(tree: Tree, columns: readonly Float64Array[], note: number): number {
  let at = tree;
  while (!("leaf" in at)) {
    const value = columns[at.column][note];
    at = (Number.isNaN(value) ? at.missingLeft : value <= at.threshold) ? at.left : at.right;
  }
  return at.leaf;
}

/** Code of a missing value. */
const missing = 255;

interface BinnedColumn {
  readonly codes: Uint8Array;
  /** The largest value of each bin. */
  readonly edges: Float64Array;
}

/** Bins of about equally many notes, never parting equal values. */
function binColumn(column: Float64Array, bins: number): BinnedColumn {
  const sorted = column.filter((value) => !Number.isNaN(value)).sort();
  const edges: number[] = [];
  for (let k = 1; k <= bins; k++) {
    const value = sorted[Math.min(sorted.length - 1, Math.ceil((k * sorted.length) / bins) - 1)];
    if (value !== undefined && value !== edges[edges.length - 1]) edges.push(value);
  }
  const codes = Uint8Array.from(column, (value) => {
    if (Number.isNaN(value)) return missing;
    let [low, high] = [0, edges.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (value <= edges[middle]) high = middle;
      else low = middle + 1;
    }
    return low;
  });
  return { codes, edges: Float64Array.from(edges) };
}

function bestSplit(
  binned: readonly BinnedColumn[],
  notes: Int32Array,
  gradients: Float64Array,
  hessians: Float64Array,
  g: number,
  h: number,
  { l2, leafWeight }: { readonly l2: number; readonly leafWeight: number },
): { column: number; bin: number; missingLeft: boolean } | undefined {
  const gain = (a: number, b: number) => (a * a) / (b + l2);
  const whole = gain(g, h);
  let best: { column: number; bin: number; missingLeft: boolean } | undefined;
  let most = 1e-6;
  const [sumG, sumH] = [new Float64Array(256), new Float64Array(256)];
  for (const [column, { codes, edges }] of binned.entries()) {
    sumG.fill(0);
    sumH.fill(0);
    for (const i of notes) {
      sumG[codes[i]] += gradients[i];
      sumH[codes[i]] += hessians[i];
    }
    let [leftG, leftH] = [0, 0];
    // The last bin is a split too: known against missing.
    for (let bin = 0; bin < edges.length; bin++) {
      leftG += sumG[bin];
      leftH += sumH[bin];
      for (const missingLeft of [false, true]) {
        const [a, b] = missingLeft ? [leftG + sumG[missing], leftH + sumH[missing]] : [leftG, leftH];
        if (b < leafWeight || h - b < leafWeight) continue;
        const improvement = gain(a, b) + gain(g - a, h - b) - whole;
        if (improvement > most) {
          most = improvement;
          best = { column, bin, missingLeft };
        }
      }
    }
  }
  return best;
}
