import { permutation } from "./permutation.ts";
import type { TokenCache } from "./token-cache.ts";

/**
 * B sequences of S tokens, flat and row-major. A sequence is a piece of the token stream, so it may hold the end of one
 * document, whole ones, and the beginning of another; a part of a document within one sequence is a *segment*.
 */
export interface TokenBatch {
  /** [B, S] */
  readonly tokens: Int32Array;
  /** [B, S] The token that follows in the same document, −1 where none does (after EOS, in padding). */
  readonly targets: Int32Array;
  /** [B, S] Position within the segment, from 0. */
  readonly positions: Int32Array;
  /** [B, S] Number of the segment within its sequence, from 0: attention stays within one number. */
  readonly documents: Int32Array;
  /** Targets that are not −1. */
  readonly predicted: number;
}

/** A stretch of the token stream. */
export interface TokenRange {
  readonly start: number;
  readonly end: number;
}

/** Options of {@link packedDataset}. */
export interface PackedDatasetOptions {
  /** S */
  readonly sequenceLength: number;
  /** B: sequences of a micro-batch. */
  readonly batchSize: number;
  /** Micro-batches of a step. Default 1. */
  readonly accumulation?: number;
  readonly seed?: number;
  /** Default true. Without, sequences come in the order of the corpus, once, and then padding: for validation. */
  readonly shuffle?: boolean;
  /** Default: everything. Targets do not reach across its end. */
  readonly range?: TokenRange;
  /** This rank's part of every batch: rows rank · B / size and on, B / size of them. Default: the whole batch. */
  readonly part?: BatchPart;
}

/** The rows of a batch that one of several ranks takes. */
export interface BatchPart {
  readonly rank: number;
  readonly size: number;
}

/** Sequences cut from a token cache. Which ones a batch holds depends on the seed and the step alone. */
export interface PackedDataset {
  /** Sequences that cover the range once; the last is padded. */
  readonly sequences: number;
  /** Tokens of the range. */
  readonly tokens: number;
  /** Steps that see every sequence at least once. */
  readonly stepsPerEpoch: number;
  /**
   * The micro-batch of a step, both from 0. With shuffling every sequence comes once in an epoch, in an order of its own
   * per epoch, and a batch may straddle two epochs. Of a `part` it has the rows of that part only. A resumed run asks for the next step: there is no other state.
   */
  batchAt(step: number, microBatch?: number): TokenBatch;
}

/**
 * Packs the documents of a cache into sequences, tail to head, without gaps: sequence i is tokens [i·S, (i+1)·S) of the
 * range. Long documents go on in another sequence, whose first segment starts at position 0 and does not see what came
 * before; its first token is still a target of the earlier sequence's last position.
 * @throws RangeError for sizes that are no positive integers, a range outside of the cache, and a batch that does not divide
 * among the ranks.
 */
export function packedDataset(cache: TokenCache, options: PackedDatasetOptions): PackedDataset {
  const { sequenceLength: S, batchSize: B, accumulation = 1, seed = 0, shuffle = true } = options;
  for (const [name, value] of Object.entries({ sequenceLength: S, batchSize: B, accumulation })) {
    if (!Number.isInteger(value) || value < 1)
      throw new RangeError(`packedDataset: ${name} ${value} must be a positive integer`);
  }
  const { rank, size } = options.part ?? { rank: 0, size: 1 };
  if (!(Number.isInteger(rank) && rank >= 0 && rank < size))
    throw new RangeError(`packedDataset: part ${rank} of ${size}`);
  if (B % size !== 0)
    throw new RangeError(
      `packedDataset: batchSize ${B} does not divide among ${size} ranks; take a multiple of ${size}`,
    );
  const rows = B / size;
  const { start, end } = options.range ?? { start: 0, end: cache.meta.tokens };
  if (!(start >= 0 && start < end && end <= cache.meta.tokens)) {
    throw new RangeError(`packedDataset: range ${start} … ${end} of ${cache.meta.tokens} tokens`);
  }
  const tokens = end - start;
  const sequences = Math.ceil(tokens / S);
  const stream = new Int32Array(S + 1);
  let order = { epoch: 0, at: permutation(sequences, seed, 0) };

  /** The sequence at a place of the endless order, or −1 behind the end. */
  function sequenceAt(place: number): number {
    if (!shuffle) return place < sequences ? place : -1;
    const epoch = Math.floor(place / sequences);
    if (epoch !== order.epoch) order = { epoch, at: permutation(sequences, seed, epoch) };
    return order.at(place % sequences);
  }

  /** Fills row `row` and returns the number of its targets. */
  function fillRow(batch: TokenBatch, row: number, sequence: number): number {
    const from = row * S;
    const first = start + sequence * S;
    const length = sequence < 0 ? 0 : Math.min(S, end - first);
    // One more than the sequence holds: the last position's target.
    const known = sequence < 0 ? 0 : Math.min(S + 1, end - first);
    if (known > 0) cache.read(first, stream.subarray(0, known));
    let document = length > 0 ? documentAt(cache.offsets, first) : 0;
    let [segment, position, predicted] = [0, 0, 0];
    for (let i = 0; i < length; i++) {
      if (i > 0 && first + i === cache.offsets[document + 1]) {
        document++;
        segment++;
        position = 0;
      }
      const hasNext = i + 1 < known && first + i + 1 < cache.offsets[document + 1];
      batch.tokens[from + i] = stream[i];
      batch.targets[from + i] = hasNext ? stream[i + 1] : -1;
      batch.positions[from + i] = position++;
      batch.documents[from + i] = segment;
      if (hasNext) predicted++;
    }
    // Padding is a segment of its own, so that no text attends to it.
    for (let i = length; i < S; i++) {
      batch.tokens[from + i] = cache.meta.eosId;
      batch.targets[from + i] = -1;
      batch.positions[from + i] = i - length;
      batch.documents[from + i] = length > 0 ? segment + 1 : 0;
    }
    return predicted;
  }

  return {
    sequences,
    tokens,
    stepsPerEpoch: Math.ceil(sequences / (B * accumulation)),
    batchAt(step, microBatch = 0) {
      if (!Number.isInteger(step) || step < 0) throw new RangeError(`batchAt: step ${step}`);
      if (!Number.isInteger(microBatch) || microBatch < 0 || microBatch >= accumulation) {
        throw new RangeError(`batchAt: micro-batch ${microBatch} of ${accumulation}`);
      }
      const make = () => new Int32Array(rows * S);
      const batch = { tokens: make(), targets: make(), positions: make(), documents: make(), predicted: 0 };
      const place = (step * accumulation + microBatch) * B + rank * rows;
      for (let row = 0; row < rows; row++) batch.predicted += fillRow(batch, row, sequenceAt(place + row));
      return batch;
    },
  };
}

/** The document that holds a token: the last one that starts at or before it. */
function documentAt(offsets: Float64Array, token: number): number {
  let [low, high] = [0, offsets.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (offsets[middle] <= token) low = middle;
    else high = middle;
  }
  return low;
}
