import { isOf, type Lexicon, type Term, type WordClass } from "../lexicon/index.ts";
import { Kind, type Tokens } from "./tokens.ts";

/** A note on its way through the grammar. */
export interface Note {
  /** As given: of it come the spans, and whether a heading is in capitals. */
  readonly text: string;
  readonly codes: Uint16Array;
  readonly tokens: Tokens;
  readonly lexicon: Lexicon;
}

/** The term at a token, if it is one. */
export function termAt({ tokens, lexicon }: Note, at: number): Term | undefined {
  return at >= 0 && at < tokens.count && tokens.kind[at] === Kind.term ? lexicon.terms[tokens.ref[at]] : undefined;
}

/** Whether the token is a term of the class. */
export function isClass(note: Note, at: number, name: WordClass): boolean {
  return isOf(termAt(note, at), name);
}

export function isNumber({ tokens }: Note, at: number): boolean {
  return at >= 0 && at < tokens.count && tokens.kind[at] === Kind.number;
}

/** The code unit of a punctuation token, else 0. */
export function punctuationAt({ tokens }: Note, at: number): number {
  return at >= 0 && at < tokens.count && tokens.kind[at] === Kind.punctuation ? tokens.ref[at] : 0;
}

/** Whether nothing stands between a token and the next. */
export function touches({ tokens }: Note, at: number): boolean {
  return at + 1 < tokens.count && tokens.end[at] === tokens.start[at + 1];
}

const codesOf = (characters: string): ReadonlySet<number> =>
  new Set([...characters].map((character) => character.charCodeAt(0)));
const stops = codesOf("。;!?！");
const commas = codesOf(",、");

/**
 * Whether the token ends a sentence: a line, 。;!? or a full stop that is followed by a space. The stop after a name ("Temp. 98.6")
 * is the caller's to spare.
 */
export function endsSentence(note: Note, at: number): boolean {
  const { tokens, codes } = note;
  if (tokens.kind[at] === Kind.line) return true;
  const code = punctuationAt(note, at);
  if (stops.has(code)) return true;
  if (code !== 0x2e) return false;
  const next = codes[tokens.end[at]];
  // 38.5.可以口服: a stop after a number, in Chinese, is a slip of the hand.
  const before = codes[tokens.start[at] - 1];
  if (next > 0x2e7f && before >= 0x30 && before <= 0x39) return false;
  return next === undefined || next === 0x20 || next === 0x0a || next === 0x2c || next > 0x2e7f;
}

export function isComma(note: Note, at: number): boolean {
  return commas.has(punctuationAt(note, at));
}
