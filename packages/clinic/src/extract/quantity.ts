import { convert, converts } from "../codes/index.ts";
import type { Term, UnitEntry } from "../lexicon/index.ts";
import { endsSentence, isClass, isComma, isNumber, type Note, punctuationAt, termAt, touches } from "./note.ts";
import { numberFollows } from "./surroundings.ts";
import { Kind, Written } from "./tokens.ts";

/** One number or one range. */
export interface Part {
  readonly low: number;
  readonly high: number;
  /** As printed; undefined if none is. */
  readonly unit: UnitEntry | undefined;
}

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

interface Simple extends Part {
  readonly next: number;
  readonly decimals: number;
}

const [comma, enumeration, fullStop, apostrophe, middleDot, slash, hyphen, tilde, dot] = [
  ",",
  "、",
  "。",
  "'",
  "·",
  "/",
  "-",
  "~",
  ".",
].map((character) => character.charCodeAt(0));

/** Smaller units that may follow a larger, with how many make one of it. */
const smaller: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  "[lb_av]": { "[oz_av]": 16 },
  "[jin]": { "[liang]": 10 },
  kg: { g: 1000 },
  a: { mo: 12, wk: 52, d: 366 },
  mo: { d: 31, wk: 5 },
  // 1周10个月: 周岁 with its 岁 left out.
  wk: { d: 7, mo: 12 },
};

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
  const calendar =
    termAt(note, next - 1)?.spelling === "月" &&
    /^(\d{1,2}|[一二三四五六七八九十]{1,3})(日|号|出生|生)/.test(
      note.text.slice(tokens.end[next - 1], tokens.end[next - 1] + 4),
    );
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

/** How many tokens link the two ends of a range at `at`: -1 if none does. */
function linkAt(note: Note, at: number, context: QuantityContext): number {
  const { tokens } = note;
  // 37.538.0: two temperatures whose dash is lost.
  if (isNumber(note, at) && touches(note, at - 1) && tokens.decimals[at] === 1 && tokens.decimals[at - 1] === 1)
    return 0;
  let length = 0;
  let dashes = 0;
  for (; length < 3; length++) {
    const code = punctuationAt(note, at + length);
    if (code === hyphen || code === tilde) dashes++;
    else if (code !== dot && code !== middleDot) break;
  }
  if (dashes > 0) return length + (isClass(note, at + length, "rangeLink") && isNumber(note, at + length + 1) ? 1 : 0);
  if (context.between && isClass(note, at, "and")) return 1;
  const warm = tokens.value[at + 1] >= 34 && tokens.value[at + 1] <= 43;
  if (isClass(note, at, "alternative") && warm) return 1;
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

/** A number, its decimals gathered where they are written in an odd way: 38度5, 38,5, 38。5, 三十七点三, 38度半. */
function readSimple(note: Note, at: number): Simple {
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

interface UnitRead {
  readonly unit: UnitEntry;
  readonly next: number;
}

/** The unit after a number, past a hyphen (5-year-old) or a word for about (20多斤). */
function unitAfter(note: Note, at: number): UnitRead | undefined {
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

/** 7斤2两, 8 pounds 13 ounces, 1岁3个月: the sum, in the larger unit. */
function withSmaller(note: Note, first: Simple, read: UnitRead): Simple {
  const { tokens } = note;
  let { next, unit } = read;
  let extra = unit.plus ?? 0;
  const ratios = smaller[unit.unit];
  const weight = unit.unit === "[jin]" || unit.unit === "kg";
  if (weight && isClass(note, next, "half") && touches(note, next - 1)) {
    extra += 0.5;
    next++;
  } else if (ratios) {
    let at = next;
    while (at < next + 2 && isClass(note, at, "approx") && isNumberSoon(note, at)) at++;
    if (isClass(note, at, "and") || (isComma(note, at) && (unit.unit === "[lb_av]" || unit.unit === "a"))) at++;
    if (isNumber(note, at) && tokens.start[at] - tokens.end[next - 1] <= 6) {
      const second = readSimple(note, at);
      const secondUnit = unitAfter(note, second.next);
      const ratio = secondUnit ? ratios[secondUnit.unit.unit] : undefined;
      const digit = !secondUnit && unit.unit === "[jin]" && at === next && touches(note, next - 1) && second.low < 10;
      const apart = isComma(note, next) && unit.age !== undefined && secondUnit?.unit.age !== "always";
      if (ratio !== undefined && second.low < ratio && !apart) {
        const smallerUnit = secondUnit!.unit;
        if (unit.unit === "wk" && smallerUnit.unit === "mo") unit = { ...unit, unit: "a", age: "always" };
        extra += (second.low + (smallerUnit.plus ?? 0)) * factorBetween(smallerUnit.unit, unit.unit);
        next = secondUnit!.next;
        if (smallerUnit.age === "always") unit = { ...unit, age: "always" };
        const days = smallerUnit.unit === "mo" && unit.unit === "a" ? daysAfter(note, next) : undefined;
        if (days) {
          extra += days.low * factorBetween("d", "a");
          next = days.next;
        }
      } else if (!secondUnit && isYearsAndMonths(note, next, at, second)) {
        unit = { ...unit, unit: "a", age: "always" };
        extra += second.low / 12;
        next = second.next;
      } else if (digit) {
        extra += second.low / 10;
        next = second.next;
      }
    }
  }
  return { low: first.low + extra, high: first.high + extra, next, decimals: first.decimals, unit };
}

/** 3岁4个月23天: the days after the months. */
function daysAfter(note: Note, at: number): { low: number; next: number } | undefined {
  const from = isClass(note, at, "and") ? at + 1 : at;
  if (!isNumber(note, from)) return undefined;
  const { low, next } = readSimple(note, from);
  const read = unitAfter(note, next);
  return read?.unit.unit === "d" && low < 31 ? { low, next: read.next } : undefined;
}

/** 两周10，一周三男孩: 周岁 and 个月 with 岁 and 月 left out. */
function isYearsAndMonths(note: Note, unitEnd: number, at: number, months: Simple): boolean {
  if (termAt(note, unitEnd - 1)?.spelling !== "周" || at !== unitEnd || !touches(note, at - 1)) return false;
  const { next, low, high, decimals } = months;
  const ends = next >= note.tokens.count || endsSentence(note, next) || isComma(note, next);
  const among = isClass(note, unitEnd - 3, "person") || isClass(note, next, "person");
  return low > 0 && low < 12 && low === high && decimals === 0 && among && (ends || isClass(note, next, "person"));
}

/** 十一个月多多八天 */
function isNumberSoon(note: Note, at: number): boolean {
  return isNumber(note, at + 1) || isNumber(note, at + 2);
}

function factorBetween(from: string, to: string): number {
  const common = converts(from, "kg") ? "kg" : "mo";
  return convert(1, from, common) / convert(1, to, common);
}
