import type { Status } from "./item.ts";
import { isComma, type Note, punctuationAt, termAt } from "./note.ts";
import { Kind } from "./tokens.ts";

/** A stretch of a note under one heading. */
export interface Section {
  /** Token. */
  readonly from: number;
  readonly status: Status;
}

const colon = ":".charCodeAt(0);

/** Words that a heading may have. */
const longest = 7;

/**
 * The sections of a note. A heading is what stands before a colon at the start of a line or a sentence: one that the lexicon lists, or
 * any in capitals, which ends the section before it.
 */
export function sectionsOf(note: Note): Section[] {
  const sections: Section[] = [{ from: 0, status: "current" }];
  for (let at = 0; at < note.tokens.count; at++) {
    if (punctuationAt(note, at) !== colon) continue;
    const heading = headingBefore(note, at);
    if (heading) sections.push(heading);
  }
  return sections;
}

function headingBefore(note: Note, at: number): Section | undefined {
  let from = at;
  let status: Status | undefined;
  let named = false;
  // "PAST MEDICAL HISTORY,:" has its comma before the colon.
  const last = isComma(note, at - 1) ? at - 2 : at - 1;
  for (let i = last; i >= 0 && i > last - longest; i--) {
    const kind = note.tokens.kind[i];
    if (kind === Kind.line || kind === Kind.number || (kind === Kind.punctuation && !joins(note, i))) break;
    from = i;
    const term = termAt(note, i);
    status ??= term?.section;
    named ||= term !== undefined && (term.names.length > 0 || term.short.length > 0);
  }
  if (from === at) return undefined;
  if (status !== undefined) return { from, status };
  const words = note.text.slice(note.tokens.start[from], note.tokens.end[last]);
  const capitals = words.length > 3 && words === words.toUpperCase() && words !== words.toLowerCase();
  return capitals && !named ? { from, status: "current" } : undefined;
}

/** Punctuation within a heading: ASSESSMENT/PLAN, H & P. */
function joins(note: Note, at: number): boolean {
  return "/&-'".includes(String.fromCharCode(punctuationAt(note, at)));
}
