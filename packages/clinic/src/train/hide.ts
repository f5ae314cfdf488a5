import type { EncodedNote } from "../model/index.ts";
import { special, type TokenizedNote } from "../tokens/index.ts";

/** Tokens with some of them hidden, and what they were: −1 where nothing is asked. */
export interface HiddenTokens {
  readonly tokens: TokenizedNote;
  readonly targets: Int32Array;
}

/**
 * Hides a share of a note's tokens, whole words at a time (Cui et al. 2019, arXiv 1906.08101): of the hidden eight in ten become
 * [MASK], one another token, one stays (Devlin et al. 2019). [CLS] and placeholders are never asked for.
 */
export function hideTokens(
  tokens: TokenizedNote,
  share: number,
  vocabulary: number,
  random: () => number,
): HiddenTokens {
  const ids = tokens.ids.slice();
  const words = tokens.words.slice();
  const targets = new Int32Array(ids.length).fill(-1);
  for (let at = 1; at < ids.length; ) {
    let end = at + 1;
    while (
      end < ids.length &&
      words[end] >= 0 &&
      words[end] === words[at] &&
      tokens.starts[end] === tokens.ends[end - 1]
    )
      end++;
    if (random() < share) {
      for (let i = at; i < end; i++) {
        if (tokens.items[i] >= 0) continue;
        targets[i] = ids[i];
        words[i] = -1;
        const draw = random();
        if (draw < 0.8) ids[i] = special.mask;
        else if (draw < 0.9) ids[i] = Math.floor(random() * vocabulary);
      }
    }
    at = end;
  }
  return { tokens: { ...tokens, ids, words }, targets };
}

/** A note with some tokens blotted out, as typing errors and unknown words do. */
export function blotTokens(tokens: TokenizedNote, share: number, random: () => number): TokenizedNote {
  const ids = tokens.ids.slice();
  const words = tokens.words.slice();
  for (let i = 1; i < ids.length; i++) {
    if (random() >= share) continue;
    if (tokens.items[i] < 0) ids[i] = special.mask;
    words[i] = -1;
  }
  return { ...tokens, ids, words };
}

/** A note of whose text nothing is left. */
export function withoutText(note: EncodedNote): EncodedNote {
  const { tokens } = note;
  const first = (column: Int32Array) => column.slice(0, 1);
  return {
    ...note,
    tokens: {
      ids: first(tokens.ids),
      words: first(tokens.words),
      starts: first(tokens.starts),
      ends: first(tokens.ends),
      items: first(tokens.items),
    },
  };
}
