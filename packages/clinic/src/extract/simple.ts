import type { Term, UnitEntry } from "../lexicon/index.ts";
import { isClass, isNumber, type Note, punctuationAt, termAt, touches } from "./note.ts";
import { numberFollows } from "./surroundings.ts";
import { Kind, Written } from "./tokens.ts";

const [comma, enumeration, fullStop, apostrophe, middleDot, hyphen, dot] = [",", "、", "。", "'", "·", "-", "."].map(
  (character) => character.charCodeAt(0),
);

/** One number or one range. */
export interface Part {
  readonly low: number;
  readonly high: number;
  /** As printed; undefined if none is. */
  readonly unit: UnitEntry | undefined;
}

/** A number with what it takes for its decimals. */
export interface Simple extends Part {
  readonly next: number;
  readonly decimals: number;
}

/** A number, its decimals gathered where they are written in an odd way: 38度5, 38,5, 38。5, 三十七点三, 38度半. */
export function readSimple(note: Note, at: number): Simple {
  const { tokens } = note;
  const value = tokens.value[at];
  const high = Number.isNaN(tokens.high[at]) ? value : tokens.high[at];
  const plain: Simple = { low: value, high, next: at + 1, decimals: tokens.decimals[at], unit: undefined };
  if (tokens.decimals[at] > 0 || !touches(note, at)) return plain;
  const separator = termAt(note, at + 1)?.unit;
  const degrees = separator?.unit === "deg" || separator?.unit === "Cel";
  const warm = value >= 30 && value <= 43;
  const worded = tokens.written[at] === Written.han && tokens.end[at + 1] - tokens.start[at + 1] === 1;
  if (degrees && warm && isClass(note, at + 2, "half") && touches(note, at + 1))
    return { low: value + 0.5, high: value + 0.5, next: at + 3, decimals: 1, unit: separator };
  const code = punctuationAt(note, at + 1);
  const odd =
    warm && (code === comma || code === enumeration || code === fullStop || code === apostrophe || code === middleDot);
  const clock = separator?.unit === "{clock}" && (warm || worded);
  if (!((degrees && warm) || odd || clock) || !isNumber(note, at + 2) || !touches(note, at + 1)) return plain;
  const digit = tokens.value[at + 2];
  const approximate = !Number.isNaN(tokens.high[at + 2]);
  const length = approximate ? 2 : 1;
  const single = digit < 10 && tokens.decimals[at + 2] === 0 && tokens.end[at + 2] - tokens.start[at + 2] === length;
  // 38度3天 is 38 for three days, 38,5次 is 38 and five times.
  const counted = touches(note, at + 2) && termAt(note, at + 3)?.unit !== undefined;
  const degreesAfter = ["deg", "Cel", "kg", "[jin]"].includes(termAt(note, at + 3)?.unit?.unit ?? "");
  if (!single || (counted && !degreesAfter)) return plain;
  const [total, highest] = [digit, approximate ? tokens.high[at + 2] : digit].map(
    (tenths) => Math.round((value + tenths / 10) * 10) / 10,
  );
  return { low: total, high: highest, next: at + 3, decimals: 1, unit: degrees ? separator : undefined };
}

/** A unit, and the token after it. */
export interface UnitRead {
  readonly unit: UnitEntry;
  readonly next: number;
}

/** The unit after a number, past a hyphen (5-year-old) or a word for about (20多斤). */
export function unitAfter(note: Note, at: number): UnitRead | undefined {
  let i = at;
  // 39.多度: the digit is left out, the point is not.
  if (punctuationAt(note, i) === dot && touches(note, i - 1) && termAt(note, i + 1)?.spelling === "多") i++;
  if (isClass(note, i, "approx") && termAt(note, i)?.unit === undefined) i++;
  else if (punctuationAt(note, i) === hyphen && touches(note, i - 1)) i++;
  const term = termAt(note, i);
  const unit = term && isName(note, i, term) ? undefined : term?.unit;
  if (unit) return { unit, next: i + 1 };
  // The unit alone on the next line, as people type in a chat.
  const { tokens } = note;
  const next = i === at && tokens.kind[at] === Kind.line ? termAt(note, at + 1)?.unit : undefined;
  const alone = at + 2 >= tokens.count || tokens.kind[at + 2] === Kind.line;
  return next && alone ? { unit: next, next: at + 2 } : undefined;
}

/** Whether a spelling that is a unit too is a name here: HR in "98.6 HR 72", L in "N 70 L 25". */
function isName(note: Note, at: number, { names, short }: Term): boolean {
  if (names.length === 0 && short.length === 0) return false;
  const before = termAt(note, at - 2);
  const named = before !== undefined && (before.names.length > 0 || before.short.length > 0);
  return (names.length > 0 || named) && numberFollows(note, at);
}
