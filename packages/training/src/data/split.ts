import type { TokenRange } from "./packed-dataset.ts";
import type { TokenCache } from "./token-cache.ts";

/** A part of a cache, with the size of its text. */
export interface TokenSplit extends TokenRange {
  /** UTF-8 bytes of its text: loss per byte needs them. Estimated from the tokens where a document is cut in two. */
  readonly bytes: number;
}

/** The whole cache as one part. */
export function wholeCache(cache: TokenCache): TokenSplit {
  return { start: 0, end: cache.meta.tokens, bytes: cache.meta.bytes };
}

/**
 * Sets the last documents aside for validation: as few as hold at least `fraction` of the tokens. The cut goes between
 * documents; where that would set more than three times as much aside (a few long books), it goes through one.
 * @throws RangeError unless 0 < fraction ≤ 0.5, and where the text is too short to be cut.
 */
export function splitForValidation(cache: TokenCache, fraction: number): { train: TokenSplit; validation: TokenSplit } {
  if (!(fraction > 0 && fraction <= 0.5))
    throw new RangeError(`splitForValidation: fraction ${fraction} must be in (0, 0.5]`);
  const { offsets, meta } = cache;
  if (meta.tokens < 4) throw new RangeError(`splitForValidation: ${meta.tokens} tokens are too few to set some aside`);
  const wanted = Math.min(Math.floor(meta.tokens * (1 - fraction)), meta.tokens - 2);
  let document = meta.documents - 1;
  while (document > 0 && offsets[document] > wanted) document--;
  const cut = meta.tokens - offsets[document] <= 3 * (meta.tokens - wanted) ? offsets[document] : Math.max(wanted, 2);
  const before = bytesBefore(cache, cut);
  return {
    train: { start: 0, end: cut, bytes: before },
    validation: { start: cut, end: meta.tokens, bytes: meta.bytes - before },
  };
}

function bytesBefore({ offsets, documentBytes }: TokenCache, cut: number): number {
  let bytes = 0;
  let i = 0;
  for (; i < documentBytes.length && offsets[i + 1] <= cut; i++) bytes += documentBytes[i];
  if (i < documentBytes.length && offsets[i] < cut) {
    bytes += Math.round((documentBytes[i] * (cut - offsets[i])) / (offsets[i + 1] - offsets[i]));
  }
  return bytes;
}
