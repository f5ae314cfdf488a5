import type { ModelInput } from "../diagnosis/index.ts";
import { isDiseaseMask, isHan, isLetter, isSpace, normalizeUnits, runEnd } from "./characters.ts";
import { segment, splitWord } from "./segment.ts";
import { type Lookup, otherPlaceholder, placeholderOf, special } from "./vocabulary.ts";

/** A note as ids. Token 0 is [CLS]. Offsets are UTF-16 code units into the text as given, `end` exclusive. */
export interface TokenizedNote {
  readonly ids: Int32Array;
  /** The Chinese word that a character belongs to, −1 for none. */
  readonly words: Int32Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** Index into the input's items of a number's placeholder, −1 for other tokens. */
  readonly items: Int32Array;
  /** Where the note was longer than the limit: what was left out at its end. */
  readonly cut?: { readonly tokens: number; readonly from: number };
}

export interface TokenizeOptions {
  readonly maxTokens: number;
  /** placeholder: extracted numbers become a token of their code. text: they stay as they are written. */
  readonly numbers: "placeholder" | "text";
}

/** Turns a note into tokens: characters and words of Chinese, pieces of English words, a placeholder for each extracted number. */
export function tokenize(input: ModelInput, lookup: Lookup, { maxTokens, numbers }: TokenizeOptions): TokenizedNote {
  const text = normalizeUnits(input.text);
  const builder = new NoteBuilder();
  builder.push(special.cls, 0, 0);
  const places = numbers === "placeholder" ? numberPlaces(input) : [];
  let at = 0;
  for (const { start, end, item, code } of places) {
    pushText(builder, text, at, start, lookup);
    const id = lookup.ids.get(placeholderOf(code)) ?? lookup.ids.get(otherPlaceholder) ?? special.unknown;
    builder.push(id, start, end, -1, item);
    at = end;
  }
  pushText(builder, text, at, text.length, lookup);
  return builder.finish(maxTokens);
}

interface NumberPlace {
  readonly start: number;
  readonly end: number;
  readonly item: number;
  readonly code: string;
}

/** Spans of the numbers, in order; of two that overlap the first. Results that the caller has beside the note have none. */
function numberPlaces({ items, text }: ModelInput): NumberPlace[] {
  const places = items
    .map(({ start, end, code, value, low }, item) => ({
      start,
      end,
      item,
      code,
      numeric: (value ?? low) !== undefined,
    }))
    .filter(({ start, end, numeric }) => numeric && start >= 0 && end > start && end <= text.length)
    .sort((a, b) => a.start - b.start || a.end - b.end);
  let last = 0;
  return places.filter(({ start, end }) => {
    if (start < last) return false;
    last = end;
    return true;
  });
}

function pushText(builder: NoteBuilder, text: string, from: number, to: number, lookup: Lookup): void {
  const { ids, words, longestWord, longestPiece } = lookup;
  for (let at = from; at < to; ) {
    const code = text.charCodeAt(at);
    if (isSpace(code)) at++;
    else if (isDiseaseMask(code)) {
      const end = runEnd(text, at, isDiseaseMask, to);
      builder.push(special.disease, at, end);
      at = end;
    } else if (isHan(code)) {
      const end = runEnd(text, at, isHan, to);
      const wordIds = segment(text.slice(at, end), words, longestWord);
      for (let i = at; i < end; i++) builder.push(ids.get(text[i]) ?? special.unknown, i, i + 1, wordIds[i - at]);
      at = end;
    } else if (isLetter(code)) {
      const end = runEnd(text, at, isLetter, to);
      for (const { id, length } of splitWord(text.slice(at, end), ids, longestPiece, special.unknown)) {
        builder.push(id, at, at + length);
        at += length;
      }
    } else {
      const length = (text.codePointAt(at) as number) > 0xffff && at + 1 < to ? 2 : 1;
      builder.push(ids.get(text.slice(at, at + length)) ?? special.unknown, at, at + length);
      at += length;
    }
  }
}

class NoteBuilder {
  readonly #columns: number[][] = [[], [], [], [], []];

  push(id: number, start: number, end: number, word = -1, item = -1): void {
    for (const [i, value] of [id, word, start, end, item].entries()) this.#columns[i].push(value);
  }

  finish(maxTokens: number): TokenizedNote {
    const [ids, words, starts, ends, items] = this.#columns.map((column) =>
      Int32Array.from(column.slice(0, maxTokens)),
    );
    const [all, , allStarts] = this.#columns;
    return {
      ...{ ids, words, starts, ends, items },
      ...(all.length > maxTokens && { cut: { tokens: all.length - maxTokens, from: allStarts[maxTokens] } }),
    };
  }
}
