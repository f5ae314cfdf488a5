import {
  asksInLine,
  begins,
  endsClause,
  isComing,
  opensNote,
  personInLine,
  saysNow,
  startsClause,
  startsLine,
} from "./clause.ts";
import { endsSentence, isClass, isComma, isNumber, type Note, termAt } from "./note.ts";
import type { Quantity } from "./quantity.ts";
import { Kind } from "./tokens.ts";

/* Where a number of months, weeks or days stands, when no word beside it says whether it is an age. */

/** What the lines before ask for. */
export interface Asked {
  /** How old. */
  readonly age: boolean;
  /** How many months or years old: the unit of an answer without one. */
  readonly unit?: "mo" | "a" | undefined;
  /** How long: a number of months or days then answers that. */
  readonly duration: boolean;
}

/** Fewer days than this beside a child are how long something lasted: 宝宝3天没拉. */
export const leastDays = 12;

/** Fewer days than this are so too where a question asks how old. */
const leastDaysAsked = 7;

/** As many days or more after 今天 are an age: no illness of a child's is counted so long by the day. */
const leastDaysToday = 20;

/**
 * The answer to how old, or a line that says no more than an age: 都六个半月了, 五个月可以用吗.
 *
 * @param said the same age was given before
 */
export function answers(note: Note, q: Quantity, asked: Asked, said: boolean): boolean {
  const { unit } = q.unit!;
  const starts = startsLine(note, q.from);
  const whole = endsClause(note, q.to);
  const stress = termAt(note, q.from - 1)?.spelling ?? "";
  const dated = termAt(note, q.from - 1)?.spelling === "号";
  if (asked.age && (starts || (whole && (/^(就|正好|刚好|满|刚满)$/.test(stress) || dated)))) {
    const { low } = q.parts[0];
    // 三个月的针 names a vaccine.
    if (note.codes[note.tokens.end[q.to - 1]] === 0x7684) return false;
    return unit === "d" ? low >= (whole ? leastDaysAsked : leastDays) : whole || unit !== "wk";
  }
  // 今天已经29天了
  const today = stress === "今天" ? q.from - 1 : termAt(note, q.from - 2)?.spelling === "今天" ? q.from - 2 : -1;
  const since = today >= 0 && (stress === "今天" || isClass(note, q.from - 1, "agePadding"));
  if (since && unit === "d" && q.parts[0].low >= leastDaysToday) return whole && begins(note, today);
  if (stress === "满" && unit === "d") return whole && q.parts[0].low >= leastDays;
  if (unit !== "mo") return false;
  const sure = !asked.duration || said || personInLine(note, q.from);
  if (whole && sure && saysNow(note, q.from)) return true;
  if (asked.duration) return false;
  // 7个月27天: nobody counts an illness so.
  if (whole && q.to - q.from > 2 && begins(note, q.from)) return true;
  if (endsLineAfterComma(note, q)) return true;
  if (stress === "满") return whole;
  if (lastsOn(note, q.to)) return false;
  if (opensNote(note, q.from) || (whole && isComma(note, q.to) && isClass(note, q.to + 1, "person"))) return true;
  if (stress === "就" && whole && (personInLine(note, q.from) || isComing(note, q.from - 1))) return true;
  if (whole && ["快", "只有", "才"].includes(stress) && startsClause(note, q.from - 1))
    if (stress !== "快" || personInLine(note, q.from)) return true;
  // 还有十天三个月了
  if (whole && isTimeLeft(note, q.from)) return true;
  if (["都", "刚", "快", "已经", "目前"].includes(stress) && whole) return starts;
  if (q.parts[0].low >= 1 && isAlone(note, q)) return true;
  return starts && (weighs(note, q.to) || (isClass(note, q.to, "advice") && asksInLine(note, q.to)));
}

/** Tokens after a number of months in which a clause tells that it is how long or how often. */
const tellsWithin = 8;

/** 一个月了还没好, 两个月了，还是咳嗽, 一个月发烧三次: how long something has lasted, or in how long it came so often. */
function lastsOn(note: Note, to: number): boolean {
  let at = to;
  if (termAt(note, at)?.spelling === "了") at++;
  if (isComma(note, at) && at > to) at++;
  const start = note.tokens.start[at];
  if (
    at > to &&
    /^(还(没[好见退愈恢]|是|在|咳|拉|烧|老|总|一直)|一直|仍|都没|也没|总是|反复|没好|不见好)/.test(
      note.text.slice(start, start + 3),
    )
  )
    return true;
  for (let i = to; i < to + tellsWithin && i < note.tokens.count && !endsSentence(note, i) && !isComma(note, i); i++)
    if (termAt(note, i)?.spelling === "一次" || (isNumber(note, i) && termAt(note, i + 1)?.unit?.unit === "{times}"))
      return true;
  return false;
}

/** 还有十天: a number of days or weeks right before the age that they lead to. */
function isTimeLeft(note: Note, from: number): boolean {
  const at = termAt(note, from - 1)?.spelling === "就" ? from - 2 : from - 1;
  const days = ["d", "wk"].includes(termAt(note, at)?.unit?.unit ?? "") && isNumber(note, at - 1);
  const start = note.tokens.start[at - 1];
  return days && /(还有|还差|再过)$/.test(note.text.slice(Math.max(0, start - 2), start));
}

/** 没有发烧，六个月: the last clause of a line. With 了 it is how long. */
function endsLineAfterComma(note: Note, { from, to, parts }: Quantity): boolean {
  const { tokens } = note;
  const last = to >= tokens.count || tokens.kind[to] === Kind.line;
  return last && parts[0].low >= 2 && isComma(note, from - 1);
}

/** A line with nothing but the number: people answer so to what was asked long before, or without being asked. 十一月 is a date. */
function isAlone(note: Note, { from, to }: Quantity): boolean {
  const { tokens } = note;
  if (termAt(note, to - 1)?.spelling === "月") return false;
  const begins = from === 0 || tokens.kind[from - 1] === Kind.line;
  return begins && (to >= tokens.count || tokens.kind[to] === Kind.line);
}

/** 五个半月十四斤 */
function weighs(note: Note, at: number): boolean {
  for (let i = at; i < at + 3; i++) {
    if (isNumber(note, i)) return ["[jin]", "kg"].includes(termAt(note, i + 1)?.unit?.unit ?? "");
    if (!isClass(note, i, "agePadding")) return false;
  }
  return false;
}

/** The same number again is the same age, unless a symptom stands before it. */
export function repeats(note: Note, q: Quantity): boolean {
  // 吃了快一个月了
  if (isTaken(note, q.from - 2)) return false;
  return begins(note, q.from) || isClass(note, q.to, "occasion");
}

/** 吃了, 给吃, 打 */
export function isTaken(note: Note, at: number): boolean {
  return isClass(note, at, "done") || /^(给?[吃喝用打挂输服喂])$/.test(termAt(note, at)?.spelling ?? "");
}
