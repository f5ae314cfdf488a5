import type { Finding } from "./finding.ts";
import type { Comparator, Item } from "./item.ts";
import { endsSentence, isClass, isComma, type Note, termAt } from "./note.ts";

/** Tokens from the number within which a time belongs to it. */
const window = 12;

type Details = Pick<Item, "time" | "certainty" | "comparator">;

/** What the words around a number add to it: when, how sure, above or below. */
export function detailsOf(note: Note, text: string, finding: Finding): Details {
  const time = timeOf(note, text, finding);
  const comparator = comparatorOf(note, finding);
  const approximate = isApproximate(note, finding);
  return {
    ...(time === undefined ? {} : { time }),
    ...(comparator === undefined ? {} : { comparator }),
    certainty: finding.basis === "inferred" ? "inferred" : approximate ? "approximate" : "stated",
  };
}

/** The nearest word of time in the clause, before the number rather than after it, as it stands in the note. */
function timeOf(note: Note, text: string, finding: Finding): string | undefined {
  const isTime = (at: number): boolean => isClass(note, at, "time");
  for (let at = finding.from - 1; at >= Math.max(0, finding.from - window) && !endsSentence(note, at); at--) {
    if (isTime(at)) return slice(note, text, at);
    if (isComma(note, at)) break;
  }
  for (let at = finding.to; at < Math.min(note.tokens.count, finding.to + window / 2); at++) {
    if (endsSentence(note, at) || isComma(note, at)) break;
    if (isTime(at)) return slice(note, text, at);
  }
  return undefined;
}

function slice({ tokens }: Note, text: string, at: number): string {
  return text.slice(tokens.start[at], tokens.end[at]);
}

function comparatorOf(note: Note, { from, to }: Finding): Comparator | undefined {
  const before = from - 1;
  const less = isClass(note, before, "less");
  const greater = isClass(note, before, "greater");
  const spelling = termAt(note, before)?.spelling ?? "";
  const orEqual = spelling.includes("=") || /[≥≤]|等于|at (least|most)|up to/.test(spelling);
  if (less) return orEqual ? "<=" : "<";
  if (greater) return orEqual ? ">=" : ">";
  const after = termAt(note, to)?.spelling ?? "";
  if (after.includes("以上")) return ">=";
  if (after.includes("以下")) return "<";
  return undefined;
}

function isApproximate(note: Note, { from, to }: Finding): boolean {
  if (isClass(note, from - 1, "approx") || isClass(note, to, "approx") || isClass(note, from - 1, "doubt")) return true;
  for (let at = from; at < to; at++) if (isClass(note, at, "approx")) return true;
  return false;
}
