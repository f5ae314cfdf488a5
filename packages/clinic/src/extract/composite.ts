import { convert, converts } from "../codes/index.ts";
import { personBefore } from "./clause.ts";
import { endsSentence, isClass, isComma, isNumber, type Note, termAt, touches } from "./note.ts";
import { isHan } from "./scan.ts";
import { readSimple, type Simple, type UnitRead, unitAfter } from "./simple.ts";
import { Written } from "./tokens.ts";

const zero = 0x96f6; // 零

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

/** 7斤2两, 8 pounds 13 ounces, 1岁3个月: the sum, in the larger unit. */
export function withSmaller(note: Note, first: Simple, read: UnitRead): Simple {
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
    if (
      isClass(note, at, "and") ||
      termAt(note, at)?.spelling === "+" ||
      (isComma(note, at) && (unit.unit === "[lb_av]" || unit.unit === "a"))
    )
      at++;
    if (isNumber(note, at) && tokens.start[at] - tokens.end[next - 1] <= 6) {
      const second = readSimple(note, at);
      const secondUnit = unitAfter(note, second.next);
      const ratio = secondUnit ? ratios[secondUnit.unit.unit] : undefined;
      const digit = !secondUnit && unit.unit === "[jin]" && at === next && touches(note, next - 1) && second.low < 10;
      const apart = isComma(note, next) && unit.age !== undefined && secondUnit?.unit.age !== "always";
      // 一周零二十五天
      const joined = at > next || note.codes[tokens.start[at]] === zero;
      const years = unit.unit === "wk" && secondUnit?.unit.unit === "d" && joined && second.low >= 7;
      if (ratio !== undefined && second.low < (years ? 31 : ratio) && !apart) {
        const smallerUnit = secondUnit!.unit;
        if (years || (unit.unit === "wk" && smallerUnit.unit === "mo")) unit = { ...unit, unit: "a", age: "always" };
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
  if (low <= 0 || low >= 12 || low < high || decimals > 0) return false;
  if (isClass(note, next, "person")) return true;
  const spelling = termAt(note, next)?.spelling;
  const ends = next >= note.tokens.count || endsSentence(note, next) || isComma(note, next) || spelling === "了";
  // 就一周八了
  const soon = spelling === "了" && ["就", "快"].includes(termAt(note, unitEnd - 3)?.spelling ?? "");
  if (ends) return soon || personBefore(note, unitEnd - 2);
  // 儿子2周1喉咙呼噜: days of the week are no digits.
  const { written } = note.tokens;
  const digits = written[at] === Written.digits && written[unitEnd - 2] === Written.digits;
  return digits && isHan(note.codes[note.tokens.end[at]]) && !isRange(note, next) && personBefore(note, unitEnd - 2);
}

function isRange(note: Note, at: number): boolean {
  return isClass(note, at, "rangeLink") || isNumber(note, at);
}

/** 十一个月多多八天 */
function isNumberSoon(note: Note, at: number): boolean {
  return isNumber(note, at + 1) || isNumber(note, at + 2);
}

function factorBetween(from: string, to: string): number {
  const common = converts(from, "kg") ? "kg" : "mo";
  return convert(1, from, common) / convert(1, to, common);
}
