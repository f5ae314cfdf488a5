import { convert, converts } from "../codes/index.ts";
import type { UnitEntry } from "../lexicon/index.ts";
import { withSmaller } from "./composite.ts";
import { isClass, isNumber, type Note, punctuationAt, termAt, touches } from "./note.ts";
import { type Part, readSimple, type Simple, unitAfter } from "./simple.ts";
import { Written } from "./tokens.ts";

export type { Part };

const [middleDot, slash, hyphen, tilde, dot] = ["·", "/", "-", "~", "."].map((character) => character.charCodeAt(0));

/** A number phrase: 38.5, 38-39度, 120/80, 7斤2两, 1岁3个月, 138/82 to 111/87. */
export interface Quantity {
  /** Tokens, `to` exclusive. */
  readonly from: number;
  readonly to: number;
  /** One part, or several with slashes between. */
  readonly parts: readonly Part[];
  /** Of the last part. */
  readonly unit: UnitEntry | undefined;
  /** Digits printed after the point, in the first number. */
  readonly decimals: number;
  readonly written: number;
  /** Three numbers that are a date. */
  readonly date: boolean;
}

/** What the words before a number say of it. */
export interface QuantityContext {
  /** After "from": "12 to 15" is a change, two quantities. */
  readonly change: boolean;
  /** After "between": "and" links a range. */
  readonly between: boolean;
  /** The second of two pairs: 111/87 in "138/82 to 111/87". */
  readonly second?: boolean;
  /** After a slash: a range there may not reach over the next. */
  readonly inPair?: boolean;
}

/** Reads the number phrase that starts at a number token. */
export function readQuantity(note: Note, at: number, context: QuantityContext): Quantity {
  const { tokens } = note;
  const first = readPart(note, at, context);
  const parts: Part[] = [first];
  let { next, unit } = first;
  let date = first.date;
  while (parts.length < 8 && isNumber(note, next + 1) && (punctuationAt(note, next) === slash || isOver(note, next))) {
    const part = readPart(note, next + 1, { change: false, between: false, inPair: true });
    parts.push(part);
    next = part.next;
    unit = part.unit ?? unit;
  }
  if (parts.length === 2 && !date && !context.second) {
    const other = pairAfter(note, next, context);
    if (other) {
      const ranges = parts.map(({ low, high }, i) => ({
        low: Math.min(low, other.parts[i].low),
        high: Math.max(high, other.parts[i].high),
        unit: undefined,
      }));
      return { ...other, from: at, parts: ranges, decimals: first.decimals, date: false };
    }
  }
  date ||= parts.length === 3 && tokens.decimals[at] === 0 && parts.every(({ low }, i) => low <= (i === 2 ? 2100 : 31));
  return { from: at, to: next, parts, unit, decimals: first.decimals, written: tokens.written[at], date };
}

/** 120 over 80. */
function isOver(note: Note, at: number): boolean {
  const [systolic, diastolic] = [note.tokens.value[at - 1], note.tokens.value[at + 1]];
  return (
    termAt(note, at)?.spelling === "over" &&
    isNumber(note, at - 1) &&
    systolic >= 60 &&
    diastolic >= 30 &&
    diastolic < systolic
  );
}

function pairAfter(note: Note, at: number, context: QuantityContext): Quantity | undefined {
  if (context.change && isWord(note, at)) return undefined;
  const link = linkAt(note, at, context);
  if (link < 0 || !isNumber(note, at + link)) return undefined;
  const other = readQuantity(note, at + link, { change: true, between: false, second: true });
  return other.parts.length === 2 && !other.date ? other : undefined;
}

interface PartRead extends Simple {
  readonly date: boolean;
}

/** A number or a range, with its unit. */
function readPart(note: Note, at: number, context: QuantityContext): PartRead {
  const { tokens } = note;
  const first = readSimple(note, at);
  const firstUnit = unitAfter(note, first.next);
  const unit = firstUnit?.unit ?? first.unit;
  const next = firstUnit?.next ?? first.next;
  const link = linkAt(note, next, context);
  if (link >= 0 && isNumber(note, next + link) && !(context.change && isWord(note, next))) {
    const second = readSimple(note, next + link);
    const secondUnit = unitAfter(note, second.next);
    const after = secondUnit?.next ?? second.next;
    if (punctuationAt(note, next) === hyphen && punctuationAt(note, after) === hyphen && isNumber(note, after + 1))
      return { ...first, next: after + 2, unit: undefined, date: true };
    const bounds = rangeOf(first, second, unit, secondUnit?.unit ?? second.unit, isWord(note, next));
    if (bounds && punctuationAt(note, after) !== slash)
      return { ...bounds, next: after, decimals: first.decimals, date: false };
    if (bounds && !context.inPair && punctuationAt(note, next) === hyphen)
      return { ...bounds, next: after, decimals: first.decimals, date: false };
  }
  if (!firstUnit) return { ...first, next, unit, date: false };
  const ofYear = /[今去前每]年$/.test(note.text.slice(Math.max(0, tokens.start[at] - 2), tokens.start[at]));
  const calendar =
    termAt(note, next - 1)?.spelling === "月" &&
    (ofYear ||
      /^((\d{1,2}|[一二三四五六七八九十]{1,3})(日|号|出生|生)|份|底|初|[上中下]旬|出生|生的)/.test(
        note.text.slice(tokens.end[next - 1], tokens.end[next - 1] + 4),
      ));
  if (calendar) return { ...first, next, unit: undefined, date: true };
  const whole = withSmaller(note, first, firstUnit);
  return { ...whole, decimals: first.decimals, date: false };
}

const isWord = (note: Note, at: number): boolean => punctuationAt(note, at) === 0;

/** The range of two numbers, if it is one. */
function rangeOf(
  first: Part,
  second: Part,
  unit: UnitEntry | undefined,
  secondUnit: UnitEntry | undefined,
  worded: boolean,
): Part | undefined {
  let { low, high } = first;
  if (unit && secondUnit && unit.unit !== secondUnit.unit) {
    if (!converts(unit.unit, "mo") || !converts(secondUnit.unit, "mo")) return undefined;
    const factor = convert(1, unit.unit, "mo") / convert(1, secondUnit.unit, "mo");
    low *= factor;
    high *= factor;
  }
  if (worded && low >= second.high) return undefined;
  // 36.8 to 3: two numbers that no measurement spans.
  if (low > second.high && (second.high < low / 3 || worded)) return undefined;
  return { low: Math.min(low, second.low), high: Math.max(high, second.high, low), unit: secondUnit ?? unit };
}

/** Dashes and dots between the ends of a range. */
const longestLink = 6;

/** Whether a number may be a temperature of somebody. */
function isWarm(note: Note, at: number): boolean {
  return isNumber(note, at) && note.tokens.value[at] >= 34 && note.tokens.value[at] <= 43;
}

/** How many tokens link the two ends of a range at `at`: -1 if none does. */
function linkAt(note: Note, at: number, context: QuantityContext): number {
  const { tokens } = note;
  // 37.538.0: two temperatures whose dash is lost.
  if (isNumber(note, at) && touches(note, at - 1) && tokens.decimals[at] === 1 && tokens.decimals[at - 1] === 1)
    return 0;
  let length = 0;
  let dashes = 0;
  for (; length < longestLink; length++) {
    const code = punctuationAt(note, at + length);
    if (code === hyphen || code === tilde) dashes++;
    else if (code !== dot && code !== middleDot) break;
  }
  // 39....40度
  if (dashes === 0 && length > 1 && isWarm(note, at - 1) && isWarm(note, at + length)) return length;
  if (dashes > 0) return length + (isClass(note, at + length, "rangeLink") && isNumber(note, at + length + 1) ? 1 : 0);
  if (context.between && isClass(note, at, "and")) return 1;
  if (isClass(note, at, "alternative") && isWarm(note, at + 1)) return 1;
  if (isClass(note, at, "rangeLink")) return isNumber(note, at + 2) && isClass(note, at + 1, "approx") ? 2 : 1;
  // 38一39, 38一一39: 一 written for a dash.
  if (
    isNumber(note, at) &&
    tokens.written[at] === Written.han &&
    tokens.written[at - 1] === Written.digits &&
    touches(note, at - 1)
  )
    for (let i = tokens.start[at]; ; i++) {
      if (i === tokens.end[at]) return isNumber(note, at + 1) && touches(note, at) ? 1 : -1;
      if (note.codes[i] !== 0x4e00) break;
    }
  return -1;
}
