import { popHeap, pushHeap } from "./merge.ts";
import { pieceEnd } from "./scanner.ts";
import { specialCount } from "./special.ts";

/** Options of {@link trainTokenizer}. */
export interface TokenizerTrainingOptions {
  /** All ids, the 256 special ones included: 4096 gives 3584 merges. */
  readonly vocabSize: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: {
    readonly phase: "counting" | "merging";
    readonly done: number;
    readonly total: number;
  }) => void;
}

/**
 * Learns byte-level BPE (Sennrich et al. 2016) from texts: returns the tokens by rank, as byte strings with one character per
 * byte. The most frequent pair merges first; of equally frequent ones that with the lower ids. Merges never cross pieces of
 * K2's split pattern, nor texts.
 *
 * @throws if the texts hold too few different pairs for the vocabulary.
 */
export async function trainTokenizer(
  texts: Iterable<string> | AsyncIterable<string>,
  options: TokenizerTrainingOptions,
): Promise<string[]> {
  const wanted = options.vocabSize - specialCount;
  if (!Number.isInteger(wanted) || wanted < 256) {
    throw new Error(
      `tokenizer: a vocabulary of ${options.vocabSize} ids is too small: 256 bytes and ${specialCount} special ids need ${256 + specialCount}`,
    );
  }
  const counts = await countPieces(texts, options);
  return learnMerges(counts, wanted, options);
}

async function countPieces(
  texts: Iterable<string> | AsyncIterable<string>,
  { signal, onProgress }: TokenizerTrainingOptions,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  let characters = 0;
  for await (const raw of texts) {
    signal?.throwIfAborted();
    const text = raw.toWellFormed();
    for (let at = 0; at < text.length; ) {
      const end = pieceEnd(text, at);
      const piece = text.slice(at, end);
      counts.set(piece, (counts.get(piece) ?? 0) + 1);
      at = end;
    }
    characters += text.length;
    onProgress?.({ phase: "counting", done: characters, total: 0 });
  }
  return counts;
}

/** Pairs are keyed a · 2²⁰ + b: exact in a double, and in the order of the ids. */
const pairBase = 2 ** 20;

/**
 * Incremental merging: the counts of all pairs are kept up to date, and only the words that hold the merged pair are touched.
 */
function learnMerges(
  counts: ReadonlyMap<string, number>,
  wanted: number,
  { signal, onProgress }: TokenizerTrainingOptions,
): string[] {
  const encoder = new TextEncoder();
  const words: number[][] = [];
  const weights: number[] = [];
  for (const [piece, count] of counts) {
    const bytes = encoder.encode(piece);
    if (bytes.length < 2) continue;
    words.push(Array.from(bytes));
    weights.push(count);
  }
  const tokens = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
  const pairCounts = new Map<number, number>();
  const pairWords = new Map<number, number[]>();
  const note = (pair: number, word: number, weight: number) => {
    pairCounts.set(pair, (pairCounts.get(pair) ?? 0) + weight);
    const list = pairWords.get(pair);
    if (list === undefined) pairWords.set(pair, [word]);
    else if (list[list.length - 1] !== word) list.push(word);
  };
  for (const [index, word] of words.entries()) {
    for (let i = 0; i + 1 < word.length; i++) note(word[i] * pairBase + word[i + 1], index, weights[index]);
  }
  const queue = new PairQueue();
  for (const [pair, count] of pairCounts) queue.push(pair, count);
  while (tokens.length < wanted) {
    signal?.throwIfAborted();
    const pair = queue.pop(pairCounts);
    if (pair === undefined) {
      throw new Error(
        `tokenizer: the text gives ${tokens.length + specialCount} tokens, ${wanted + specialCount} were asked for; give more text or a smaller vocabulary`,
      );
    }
    const left = Math.floor(pair / pairBase);
    const right = pair % pairBase;
    const merged = tokens.length;
    tokens.push(tokens[left] + tokens[right]);
    const changed = new Set<number>();
    const touch = (other: number, word: number, weight: number) => {
      changed.add(other);
      if (weight > 0) note(other, word, weight);
      else pairCounts.set(other, (pairCounts.get(other) ?? 0) + weight);
    };
    for (const index of pairWords.get(pair) ?? [])
      mergeWord(words[index], left, right, merged, index, weights[index], touch);
    pairCounts.delete(pair);
    pairWords.delete(pair);
    for (const other of changed) {
      const count = pairCounts.get(other) ?? 0;
      if (count > 0 && other !== pair) queue.push(other, count);
    }
    if (merged % 64 === 0) onProgress?.({ phase: "merging", done: merged, total: wanted });
  }
  return tokens;
}

/** Replaces each (left, right) in a word, and tells which pairs went and came. A stale index finds nothing to do. */
function mergeWord(
  word: number[],
  left: number,
  right: number,
  merged: number,
  index: number,
  weight: number,
  touch: (pair: number, word: number, weight: number) => void,
): void {
  let to = 0;
  for (let from = 0; from < word.length; from++) {
    if (word[from] !== left || from + 1 >= word.length || word[from + 1] !== right) {
      word[to++] = word[from];
      continue;
    }
    const before = to > 0 ? word[to - 1] : -1;
    const after = from + 2 < word.length ? word[from + 2] : -1;
    if (before >= 0) {
      touch(before * pairBase + left, index, -weight);
      touch(before * pairBase + merged, index, weight);
    }
    if (after >= 0) {
      touch(right * pairBase + after, index, -weight);
      // Where the pair follows itself, its own new left neighbour is counted on the next turn.
      touch(merged * pairBase + after, index, weight);
    }
    word[to++] = merged;
    from++;
  }
  word.length = to;
}

/** Pairs by count, highest first, then by ids. Entries are lazy: one whose count has changed is dropped when it comes up. */
class PairQueue {
  readonly #heap: number[] = [];
  readonly #byCount = new Map<number, number[]>();

  push(pair: number, count: number): void {
    const bucket = this.#byCount.get(count);
    if (bucket === undefined) {
      this.#byCount.set(count, [pair]);
      pushHeap(this.#heap, -count);
    } else pushHeap(bucket, pair);
  }

  pop(current: ReadonlyMap<number, number>): number | undefined {
    while (this.#heap.length > 0) {
      const count = -this.#heap[0];
      const bucket = this.#byCount.get(count) as number[];
      while (bucket.length > 0) {
        const pair = popHeap(bucket);
        if (current.get(pair) === count) return pair;
      }
      popHeap(this.#heap);
      this.#byCount.delete(count);
    }
    return undefined;
  }
}
