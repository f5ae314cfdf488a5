import { endsSentence, isComma, isNumber, type Note, punctuationAt, termAt } from "./note.ts";
import type { Quantity } from "./quantity.ts";
import { Written } from "./tokens.ts";

const [open, close] = ["(", ")"].map((character) => character.charCodeAt(0));

/** 1. 2. 3. of a list, 1、 or 1). */
export function isEnumerator(note: Note, at: number): boolean {
  const { tokens } = note;
  if (tokens.decimals[at] > 0 || tokens.value[at] > 40 || tokens.written[at] !== Written.digits) return false;
  const code = punctuationAt(note, at + 1);
  const mark = code === 0x2e || code === 0x3001 || code === close;
  if (!mark || !endsAt(note, at)) return false;
  return code !== 0x3001 || !isNumber(note, at + 2);
}

/** Whether a sentence or a line ends just before, a comma after it or not (".,2. "). */
function endsAt(note: Note, at: number): boolean {
  if (at === 0 || endsSentence(note, at - 1)) return true;
  const separated =
    isComma(note, at - 1) || punctuationAt(note, at - 1) === 0x3a || punctuationAt(note, at - 1) === open;
  return (
    separated &&
    (at === 1 ||
      endsSentence(note, at - 2) ||
      isComma(note, at - 2) ||
      punctuationAt(note, at - 2) === 0x3a ||
      termAt(note, at - 2)?.section !== undefined ||
      punctuationAt(note, at + 1) === close)
  );
}

/** Past the day and the year that follow the name of a month. */
export function afterDate(note: Note, at: number): number {
  const year = isComma(note, at + 1) ? at + 2 : at + 1;
  return isNumber(note, year) && note.tokens.value[year] > 1900 && note.tokens.value[year] < 2100 ? year + 1 : at + 1;
}

/** 0.7×月龄: a factor of a formula. */
export function isFactor(note: Note, { from, to }: Quantity): boolean {
  return punctuationAt(note, to) === 0xd7 || punctuationAt(note, from - 1) === 0xd7;
}

/** "13% of which": a share of the number before, no result. */
export function isShareOf(note: Note, at: number): boolean {
  return (
    termAt(note, at)?.spelling === "of" &&
    ["which", "whom", "them", "these"].includes(termAt(note, at + 1)?.spelling ?? "")
  );
}

/** 9:30, after a word that is no name: a time of day. */
export function isClock(note: Note, at: number): boolean {
  const { tokens } = note;
  if (punctuationAt(note, at + 1) !== 0x3a || !isNumber(note, at + 2)) return false;
  const minutes = tokens.end[at + 2] - tokens.start[at + 2] === 2 && tokens.value[at + 2] < 60;
  return minutes && tokens.decimals[at] === 0 && tokens.value[at] < 24 && tokens.end[at] === tokens.start[at + 1];
}
