/** What the plan needs to know of a parameter. */
export interface PlannedParameter {
  readonly name: string;
  /** [n, m] or [E, n, m] for Muon, any for AdamW. */
  readonly shape: readonly number[];
  readonly group: "muon" | "adamw";
}

/** A run of a parameter's elements whose optimizer state one rank holds. */
export interface Piece {
  /** Index of the parameter. */
  readonly parameter: number;
  readonly rank: number;
  /** First element within the parameter, a multiple of `granule`. */
  readonly start: number;
  /** Of the piece: whole matrices for Muon, [length] for AdamW. */
  readonly shape: readonly number[];
  readonly size: number;
  /** First element within the rank's segment, a multiple of `granule`. */
  readonly offset: number;
}

/** Which rank updates what. */
export interface ShardPlan {
  /** In the order of the parameters, and within one of its elements. */
  readonly pieces: readonly Piece[];
  /** Elements of every rank's segment, a multiple of `granule`: the longest rank's, so that segments can be scattered and gathered. */
  readonly segment: number;
  /** Multiplications of Newton–Schulz of each rank, in units of one iteration. */
  readonly work: readonly number[];
}

/** Pieces begin at multiples of this many f32 elements: 64 bytes, where a buffer may be sliced. */
export const granule = 16;

/**
 * Divides the optimizer among `size` ranks (ZeRO-1). Matrices stay whole, since Newton–Schulz needs all of one: a stack of experts is cut
 * into one run of experts per rank, and runs and matrices go, the costliest first, to the rank with least to orthogonalize. AdamW is
 * elementwise: its parameters fill the segments up to an equal length. Depends on names, shapes and size alone. Why so:
 * docs/decisions/0009-ranks.md.
 */
export function planShards(parameters: readonly PlannedParameter[], size: number): ShardPlan {
  const work = new Array<number>(size).fill(0);
  const lengths = new Array<number>(size).fill(0);
  const pieces: Piece[] = [];
  const put = (parameter: number, rank: number, start: number, shape: readonly number[]) => {
    const length = shape.reduce((product, axis) => product * axis, 1);
    pieces.push({ parameter, rank, start, shape, size: length, offset: lengths[rank] });
    lengths[rank] += roundUp(length);
  };

  const units = parameters.flatMap((parameter, index) =>
    parameter.group === "muon" ? muonUnits(parameter, index, size) : [],
  );
  // A stable sort: equal costs keep the order of the parameters.
  for (const { parameter, start, shape, cost } of units.toSorted((a, b) => b.cost - a.cost)) {
    const rank = work.indexOf(Math.min(...work));
    work[rank] += cost;
    put(parameter, rank, start, shape);
  }

  const rest = parameters.map(({ shape, group }, index) => ({
    index,
    size: group === "adamw" ? shape.reduce((product, axis) => product * axis, 1) : 0,
  }));
  const level = waterLevel(
    lengths,
    rest.reduce((sum, entry) => sum + roundUp(entry.size), 0),
  );
  let rank = 0;
  for (const { index, size: length } of rest) {
    for (let start = 0; start < length; ) {
      while (rank < size - 1 && lengths[rank] >= level) rank++;
      const room = rank === size - 1 ? length : level - lengths[rank];
      const taken = Math.min(room, length - start);
      put(index, rank, start, [taken]);
      start += taken;
    }
  }
  pieces.sort((a, b) => a.parameter - b.parameter || a.start - b.start);
  return { pieces, segment: Math.max(...lengths), work };
}

interface Unit {
  readonly parameter: number;
  readonly start: number;
  readonly shape: readonly number[];
  readonly cost: number;
}

/** The matrices of a parameter that go to a rank together. */
function muonUnits({ name, shape }: PlannedParameter, parameter: number, size: number): Unit[] {
  if (shape.length !== 2 && shape.length !== 3)
    throw new Error(
      `planShards: ${name} has shape [${shape.join(", ")}], expected a matrix or a stack of them for Muon`,
    );
  const [n, m] = shape.slice(-2);
  const side = Math.min(n, m);
  // An iteration: XXᵀ of one triangle, its square likewise, and the product with X.
  const cost = side * side * (1.5 * Math.max(n, m) + 0.5 * side);
  if (shape.length === 2) return [{ parameter, start: 0, shape, cost }];
  const [experts] = shape;
  const runs = (n * m) % granule === 0 ? Math.min(size, experts) : 1;
  return Array.from({ length: runs }, (_, run) => {
    const from = Math.floor((run * experts) / runs);
    const count = Math.floor(((run + 1) * experts) / runs) - from;
    return { parameter, start: from * n * m, shape: [count, n, m], cost: count * cost };
  });
}

/** The least length, a multiple of `granule`, to which `amount` elements fill the ranks up. */
function waterLevel(lengths: readonly number[], amount: number): number {
  const sorted = lengths.toSorted((a, b) => a - b);
  let sum = 0;
  for (const [i, length] of sorted.entries()) {
    sum += length;
    const level = (sum + amount) / (i + 1);
    if (i + 1 === sorted.length || level <= sorted[i + 1]) return roundUp(Math.ceil(level));
  }
  return 0;
}

function roundUp(length: number): number {
  return Math.ceil(length / granule) * granule;
}
