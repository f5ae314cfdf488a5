import type { Token } from "../api/types.ts";

/** A stretch of text by one author. A model's piece that still is what it wrote carries the tokens that it was made of. */
export interface Piece {
  readonly text: string;
  readonly by: "user" | "model";
  /** More than one where a character was spread over several tokens. */
  readonly tokens?: readonly Token[];
}

/** The text of a list of pieces. */
export function textOf(pieces: readonly Piece[]): string {
  return pieces.map(({ text }) => text).join("");
}

/** The pieces that cover `from` up to `to`. One that is cut keeps its author and loses its tokens. */
export function slicePieces(pieces: readonly Piece[], from: number, to: number): Piece[] {
  const out: Piece[] = [];
  let start = 0;
  for (const piece of pieces) {
    const end = start + piece.text.length;
    const text = piece.text.slice(Math.max(0, from - start), Math.max(0, to - start));
    if (text === piece.text && text !== "") out.push(piece);
    else if (text !== "") out.push({ text, by: piece.by });
    start = end;
  }
  return out;
}

/** Joins neighbours that say the same about their text, so that typing does not make a piece a letter. */
export function joinPieces(pieces: readonly Piece[]): Piece[] {
  const out: Piece[] = [];
  for (const piece of pieces) {
    const last = out.at(-1);
    if (last && last.by === piece.by && !last.tokens && !piece.tokens) {
      out[out.length - 1] = { text: last.text + piece.text, by: piece.by };
    } else if (piece.text !== "") out.push(piece);
  }
  return out;
}

/**
 * The pieces after a person changed the text to `after`: what stayed keeps its author, what is new is hers.
 *
 * @param caret - where the caret stands after the change. Of equal letters in a row it says which one is new.
 */
export function editPieces(pieces: readonly Piece[], after: string, caret = after.length): Piece[] {
  const before = textOf(pieces);
  if (before === after) return [...pieces];
  const shorter = Math.min(before.length, after.length);
  // What follows the caret was there before, as far as it is the same.
  let tail = 0;
  const maxTail = Math.min(shorter, Math.max(0, after.length - caret));
  while (tail < maxTail && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  let head = 0;
  while (head < shorter - tail && before[head] === after[head]) head++;
  while (tail < shorter - head && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  return joinPieces([
    ...slicePieces(pieces, 0, head),
    { text: after.slice(head, after.length - tail), by: "user" },
    ...slicePieces(pieces, before.length - tail, before.length),
  ]);
}
