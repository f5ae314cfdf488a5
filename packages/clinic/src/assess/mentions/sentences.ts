import { isLetter } from "../../lexicon/index.ts";

/** A sentence of a note: its clauses by where each ends, and how it ends. */
export interface Sentence {
  readonly start: number;
  readonly end: number;
  /** Ends with a question mark. */
  readonly asked: boolean;
  /** The line before it ended there. */
  readonly opensLine: boolean;
  /** Ends of its clauses, the last being `end`. */
  readonly clauses: readonly number[];
}

const isHan = (code: number): boolean => code >= 0x3400 && code <= 0x9fff;
const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

/** Longest stretch taken as one sentence: bounds the work per sentence, whatever the note. */
const longest = 600;

/** Cuts a normalized note into sentences and clauses, reading each character once. */
export function* sentencesOf(codes: Uint16Array): Generator<Sentence> {
  let start = 0;
  let opensLine = true;
  let clauses: number[] = [];
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at];
    const line = code === 0x0a;
    const asked = code === 0x3f;
    const over = at - start >= longest && (code === 0x20 || code === 0x2c || isHan(code));
    if (line || asked || over || code === 0x3002 || code === 0x3b || code === 0x21 || isFullStop(codes, at)) {
      clauses.push(at);
      if (at > start) yield { start, end: at, asked, opensLine, clauses };
      start = at + 1;
      opensLine = line || (opensLine && at === start - 1 && clauses.length === 1 && codes[at] === 0x0a);
      clauses = [];
    } else if (
      code === 0x2c ? !isNumberComma(codes, at) : code === 0x20 && isHan(codes[at - 1]) && isHan(codes[at + 1])
    )
      clauses.push(at);
  }
  clauses.push(codes.length);
  if (codes.length > start) yield { start, end: codes.length, asked: false, opensLine, clauses };
}

function isNumberComma(codes: Uint16Array, at: number): boolean {
  return isDigit(codes[at - 1]) && isDigit(codes[at + 1]) && isDigit(codes[at + 2]) && isDigit(codes[at + 3]);
}

/** A full stop that ends: not within a number, nor after a single letter (p.r.n., E. coli). */
function isFullStop(codes: Uint16Array, at: number): boolean {
  if (codes[at] !== 0x2e) return false;
  const next = codes[at + 1];
  const ends = next === undefined || next === 0x20 || next === 0x2c || next === 0x0a || isHan(next);
  return ends && !(isLetter(codes[at - 1]) && !isLetter(codes[at - 2] ?? 0));
}
