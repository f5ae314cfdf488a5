import { type CountTable, countTable } from "./count-table.ts";

/** Highest order: the next byte given the 4 before it. */
export const order = 5;

/** Counts of byte 5-grams, filled as text goes by. Text before the first byte counts as newlines. */
export interface ByteCounts {
  add(bytes: Uint8Array): void;
  /** Bytes seen. */
  readonly bytes: number;
  /** Closes the counting: the model is made once. */
  model(): ByteModel;
}

/** A byte model. `context` holds the four bytes before as one number, the latest lowest. */
export interface ByteModel {
  /** P(byte | context): the 256 of a context sum to one. */
  probability(context: number, byte: number): number;
  /** Bits that the text takes, with newlines before it. */
  bits(text: Uint8Array): number;
  readonly contexts: number;
  readonly ngrams: number;
}

export const startContext = 0x0a0a0a0a;

/** One order: counts of its n-grams by a key, and sums over each context (n-gram without its last byte). */
interface Level {
  readonly ngrams: CountTable;
  readonly contexts: CountTable;
  /** Σ counts, and how many n-grams have count 1, 2, ≥ 3, by index of the context: 4 numbers each. */
  readonly sums: Uint32Array;
  readonly discounts: readonly [number, number, number, number];
}

export function byteCounts(): ByteCounts {
  const contexts = countTable(1 << 16);
  const ngrams = countTable(1 << 18);
  let context = startContext;
  let bytes = 0;
  return {
    add(text) {
      for (let i = 0; i < text.length; i++) {
        // Five bytes do not fit in a key: the context goes in by its number.
        ngrams.add(fiveGramKey(contexts.add(context, 1), text[i]), 1);
        context = (context << 8) | text[i];
      }
      bytes += text.length;
    },
    get bytes() {
      return bytes;
    },
    model() {
      if (bytes === 0) throw new Error("kneser-ney: no text to train on");
      return kneserNey(contexts, ngrams);
    },
  };
}

function fiveGramKey(context: number, byte: number): number {
  if (context >= 1 << 24)
    throw new RangeError("kneser-ney: more than 2^24 different contexts of 4 bytes; this is no text");
  return context * 256 + byte;
}

/**
 * Interpolated modified Kneser–Ney (Chen & Goodman 1998, §4.1.6): three discounts per order from the counts of counts; the
 * lower orders count in how many different contexts an n-gram has appeared. Below the unigrams all 256 bytes are alike.
 */
function kneserNey(fourByteContexts: CountTable, fiveGrams: CountTable): ByteModel {
  const levels: Level[] = [];
  let current = fiveGrams;
  for (let n = order; n >= 1; n--) {
    const top = n === order;
    const contextKey = (key: number) => (top ? fourByteContexts.key(Math.floor(key / 256)) : key >>> 8);
    levels.unshift(level(current, contextKey));
    const lower = countTable();
    const mask = n > 1 ? 2 ** (8 * (n - 1)) - 1 : 0;
    for (let i = 0; i < current.size; i++) {
      const key = current.key(i);
      const full = top ? ((contextKey(key) << 8) | (key & 255)) >>> 0 : key;
      // Each different n-gram is one more context of what is left without its first byte.
      lower.add((full & mask) >>> 0, 1);
    }
    current = lower;
  }

  /** Index of an n-gram in its level, −1 where it is absent. */
  function find(n: number, context: number, byte: number): number {
    if (n < order) return levels[n - 1].ngrams.find((context << 8) | byte);
    const id = fourByteContexts.find(context);
    return id < 0 ? -1 : levels[n - 1].ngrams.find(id * 256 + byte);
  }

  function probability(context: number, byte: number): number {
    let p = 1 / 256;
    for (let n = 1; n <= order; n++) {
      const { ngrams, contexts, sums, discounts } = levels[n - 1];
      const shortened = n === order ? context >>> 0 : (context & (2 ** (8 * (n - 1)) - 1)) >>> 0;
      const at = contexts.find(shortened);
      if (at < 0) break;
      const total = sums[at * 4];
      const removed =
        discounts[1] * sums[at * 4 + 1] + discounts[2] * sums[at * 4 + 2] + discounts[3] * sums[at * 4 + 3];
      const index = find(n, shortened, byte);
      const count = index < 0 ? 0 : ngrams.count(index);
      p = (count - discounts[Math.min(count, 3)] + removed * p) / total;
    }
    return p;
  }

  return {
    probability,
    bits(text) {
      let context = startContext;
      let bits = 0;
      for (let i = 0; i < text.length; i++) {
        bits -= Math.log2(probability(context, text[i]));
        context = (context << 8) | text[i];
      }
      return bits;
    },
    contexts: fourByteContexts.size,
    ngrams: fiveGrams.size,
  };
}

function level(ngrams: CountTable, contextKey: (key: number) => number): Level {
  const contexts = countTable();
  let sums = new Uint32Array(1 << 12);
  const countsOfCounts = [0, 0, 0, 0, 0];
  for (let i = 0; i < ngrams.size; i++) {
    const count = ngrams.count(i);
    const context = contexts.add(contextKey(ngrams.key(i)), 1);
    if (context * 4 >= sums.length) {
      const larger = new Uint32Array(sums.length * 2);
      larger.set(sums);
      sums = larger;
    }
    sums[context * 4] += count;
    sums[context * 4 + Math.min(count, 3)]++;
    if (count <= 4) countsOfCounts[count]++;
  }
  return { ngrams, contexts, sums, discounts: discounts(countsOfCounts) };
}

/** D1, D2, D3+ by Chen & Goodman's estimate; 0.75 (absolute discounting) where the counts are too few for one. */
function discounts([, n1, n2, n3, n4]: readonly number[]): [number, number, number, number] {
  const y = n1 / (n1 + 2 * n2);
  const estimate = (k: number, from: number, to: number) => {
    const discount = k - (k + 1) * y * (to / from);
    return to > 0 && discount > 0 ? discount : 0.75;
  };
  return [0, estimate(1, n1, n2), estimate(2, n2, n3), estimate(3, n3, n4)];
}
