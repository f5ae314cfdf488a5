import type { WordClass } from "../lexicon/index.ts";
import type { Finding } from "./finding.ts";
import type { Label } from "./label.ts";
import { endsSentence, isClass, isComma, isNumber, type Note, punctuationAt, termAt } from "./note.ts";
import { Kind } from "./tokens.ts";

/** Tokens around a name within which a word that it needs may stand. */
const nearby = 14;

const bar = "|".charCodeAt(0);

export function numberFollows(note: Note, at: number): boolean {
  const code = punctuationAt(note, at + 1);
  const links = isClass(note, at + 1, "bridge") || isClass(note, at + 1, "compare");
  if (links && isNumber(note, at + 2) && note.codes[note.tokens.end[at]] === 0x20) return true;
  return (
    isNumber(note, at + 1) ||
    ((code === 0x3a || code === 0x3d || code === 0x2e || code === 0x2d || code === bar) && isNumber(note, at + 2))
  );
}

/** "The highest has been 30": a sentence that goes on about the one before. */
export function isRemeasured(note: Note, at: number): boolean {
  for (let i = at - 1; i >= at - 5 && i >= 0 && !endsSentence(note, i); i--)
    if (isClass(note, i, "superlative") || isClass(note, i, "remeasure")) return true;
  return false;
}

/** Whether systolic over diastolic stands within a few words. */
export function pairFollows(note: Note, at: number): boolean {
  for (let i = at + 1; i <= at + 4; i++)
    if (isNumber(note, i)) return punctuationAt(note, i + 1) === 0x2f && isNumber(note, i + 2);
  return false;
}

/** Whether a row of numbers goes on: "15.3 and 46.5". */
export function listFollows(note: Note, at: number): boolean {
  const link = isComma(note, at) || isClass(note, at, "and") || punctuationAt(note, at) === 0x2f;
  return (
    (link && isNumber(note, at + 1)) || (isComma(note, at) && isClass(note, at + 1, "and") && isNumber(note, at + 2))
  );
}

/** Whether only "and" or a slash stands between two names. */
export function linked(note: Note, first: number, second: number): boolean {
  if (second - first > 3 || second - first < 2) return false;
  for (let i = first + 1; i < second; i++) {
    const link = isClass(note, i, "and") || punctuationAt(note, i) === 0x2f || isComma(note, i);
    if (!link) return false;
  }
  return true;
}

/** Whether nothing but a bracket, an arrow or a unit stands before a number since the last: a reference range in a table. */
export function followsDirectly(note: Note, at: number): boolean {
  const before = at - 1;
  return isNumber(note, before) || termAt(note, before)?.unit !== undefined || punctuationAt(note, before) === bar;
}

export function standsNear(note: Note, at: number, wanted: WordClass): boolean {
  for (let i = at - 1; i >= Math.max(0, at - nearby) && note.tokens.kind[i] !== Kind.line; i--)
    if (isClass(note, i, wanted)) return true;
  for (let i = at + 1; i < at + nearby && !endsSentence(note, i) && i < note.tokens.count; i++)
    if (isClass(note, i, wanted)) return true;
  return false;
}

/** Whether a letter that may be a name (T, P, R, N) stands among other results. */
export function amongResults(note: Note, label: Label, findings: readonly Finding[]): boolean {
  const last = findings.at(-1);
  if (last && label.at - last.to <= 8) return true;
  for (let i = label.at + 2; i < label.at + 10; i++) {
    const term = termAt(note, i);
    if (term && (term.names.length > 0 || (term.short.length > 0 && numberFollows(note, i)))) return true;
  }
  return false;
}
