/**
 * Forward maximum matching: for each character of a run of Chinese, the id of the word that it belongs to, −1 where it is a word of
 * its own.
 */
export function segment(run: string, words: ReadonlyMap<string, number>, longest: number): Int32Array {
  const ids = new Int32Array(run.length).fill(-1);
  for (let at = 0; at < run.length; ) {
    let length = Math.min(longest, run.length - at);
    let id: number | undefined;
    for (; length > 1; length--) {
      id = words.get(run.slice(at, at + length));
      if (id !== undefined) break;
    }
    if (id !== undefined) ids.fill(id, at, at + length);
    at += Math.max(length, 1);
  }
  return ids;
}

/** Greedy longest pieces of a word of letters, as WordPiece (Schuster & Nakajima 2012): "##" marks those that continue it. */
export function splitWord(
  word: string,
  ids: ReadonlyMap<string, number>,
  longest: number,
  unknown: number,
): { readonly id: number; readonly length: number }[] {
  const pieces: { id: number; length: number }[] = [];
  for (let at = 0; at < word.length; ) {
    const mark = at === 0 ? "" : "##";
    let length = Math.min(longest, word.length - at);
    let id: number | undefined;
    for (; length > 0; length--) {
      id = ids.get(mark + word.slice(at, at + length));
      if (id !== undefined) break;
    }
    // A letter that the vocabulary lacks takes the rest of the word with it.
    if (id === undefined) length = word.length - at;
    pieces.push({ id: id ?? unknown, length });
    at += length;
  }
  return pieces;
}
