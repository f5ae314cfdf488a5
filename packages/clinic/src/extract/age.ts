import { convert } from "../codes/index.ts";
import type { Term } from "../lexicon/index.ts";
import type { Finding } from "./finding.ts";
import type { Label } from "./label.ts";
import { endsSentence, isClass, isComma, isNumber, type Note, termAt } from "./note.ts";
import type { Quantity } from "./quantity.ts";
import { isHan } from "./scan.ts";
import { Kind } from "./tokens.ts";

const code = "30525-0";

/**
 * An age, if the number is one. 岁 and "year-old" say so themselves; 个月, 天 and "months" are more often how long something
 * lasted, and count only next to a person, a birth, the word age, or as the answer to how old.
 *
 * @param asked the lines before ask for an age
 */
export function readAge(
  note: Note,
  q: Quantity,
  findings: readonly Finding[],
  asked: boolean,
  label: Label | undefined,
): Finding | undefined {
  const { lexicon, tokens } = note;
  if (q.parts.length > 1 || q.date) return undefined;
  const named =
    label && !label.spent && label.cost < 2.1 && label.observations.some((i) => lexicon.observations[i].code === code);
  const row = label?.spent && label.cost < 0.8 && label.observations.some((i) => lexicon.observations[i].code === code);
  const { unit } = q;
  if (!unit) return undefined;
  if (unit.age === undefined) return undefined;
  let measured = unit.unit;
  const weeksForYears = measured === "wk" && inWeeksMeansYears(note, q);
  if (weeksForYears) measured = "a";
  const isAge =
    unit.age === "always" ||
    weeksForYears ||
    named ||
    row ||
    (isHan(note.codes[tokens.start[q.to - 1]]) ? isChineseAge(note, q, findings, asked) : isEnglishAge(note, q));
  if (!isAge) return undefined;
  const [low, high] = [q.parts[0].low, q.parts[0].high].map((value) => months(value, measured));
  if (high > 1440) return undefined;
  // 03岁: a range whose dash is lost.
  const lost = note.codes[tokens.start[q.from]] === 0x30 && tokens.end[q.from] - tokens.start[q.from] === 2;
  return {
    ...{ code, low: lost ? 0 : low, high, from: q.from, to: q.to, nameAt: named ? label.at : q.from },
    ...{ basis: named || unit.age === "always" ? "stated" : "inferred", reference: lost, printed: true },
  };
}

/** 宝宝刚满月: a word that is an age by itself. */
export function readAgeWord(note: Note, at: number, term: Term): Finding | undefined {
  const { age } = term;
  if (age === undefined || !personBefore(note, at)) return undefined;
  const span = { from: at, to: at + 1, nameAt: at };
  return { code, low: age, high: age, ...span, basis: "stated", reference: false, printed: true };
}

function months(value: number, unit: string): number {
  return Number(convert(value, unit, "mo").toPrecision(6));
}

/** 儿子四周半, 宝宝两周多: 周岁 with its 岁 left out. */
function inWeeksMeansYears(note: Note, q: Quantity): boolean {
  const unit = termAt(note, q.to - 1);
  return (unit?.spelling === "周半" || unit?.spelling === "周多") && personBefore(note, q.from);
}

function personBefore(note: Note, at: number): boolean {
  let i = at - 1;
  for (let steps = 0; steps < 4 && i >= 0; steps++, i--) {
    if (isClass(note, i, "person")) return true;
    if (isClass(note, i, "agePadding") || (isComma(note, i) && steps === 0 && note.tokens.kind[i - 1] === Kind.term))
      continue;
    return false;
  }
  return false;
}

function isChineseAge(note: Note, q: Quantity, findings: readonly Finding[], asked: boolean): boolean {
  const unit = q.unit!.unit;
  const { low } = q.parts[0];
  const after = q.to;
  const below = ["以下", "及以下", "以下的"].includes(termAt(note, after)?.spelling ?? "");
  if (below && (unit === "mo" || unit === "a")) return true;
  const follows = isClass(note, after, "durationAfter") || isClass(note, after, "bound");
  if (isClass(note, after, "ageAfter") && !isClass(note, after, "durationAfter"))
    return isPersonOrTime(note, q) && (unit !== "d" || low >= 12 || termAt(note, after)!.spelling.startsWith("的"));
  for (let i = q.from - 1; i >= q.from - 2 && i >= 0; i--)
    if (isClass(note, i, "birth")) return !follows || unit !== "a";
  if (follows && !isClass(note, after, "milestone")) {
    const bounded =
      isClass(note, after, "bound") && (isClass(note, after + 1, "person") || isClass(note, after + 1, "advice"));
    return unit === "mo" && (bounded || isClass(note, after + 1, "person") || isMilestone(note, q));
  }
  if (isMilestone(note, q)) return unit === "mo";
  // Days and weeks beside a child are its age only where nothing shorter than an illness is meant.
  const long = unit === "mo" || unit === "a" || (unit === "d" && low >= 12) || q.to - q.from > 2;
  if (personBefore(note, q.from)) return long;
  if (unit === "mo" && isClass(note, q.from - 1, "agePadding") && startsLine(note, q.from) && endsLine(note, after))
    return true;
  const wholeLine = startsLine(note, q.from) && endsLine(note, after);
  if (wholeLine && asked) return true;
  if (asked && startsLine(note, q.from) && long) return true;
  if (wholeLine && unit === "mo" && q.to - q.from >= 2 && findings.length === 0) return true;
  // The same number again is the same age, unless a symptom stands before it.
  const months = Number(convert(low, unit, "mo").toPrecision(6));
  const said = findings.slice(-64).some((finding) => finding.code === code && finding.low === months);
  if (said && isClass(note, after, "occasion")) return true;
  return said && (isComma(note, q.from - 1) || startsLine(note, q.from)) && endsLine(note, after);
}

/** 的时候, 时: of a person, or of months that are nobody's duration. */
function isPersonOrTime(note: Note, q: Quantity): boolean {
  if (!isClass(note, q.to, "occasion")) return true;
  return q.unit!.unit === "mo" || personBefore(note, q.from);
}

/** 从两个月开始, 六个月开始加辅食, 四个月后就该添加了. */
function isMilestone(note: Note, q: Quantity): boolean {
  if (q.unit!.unit !== "mo") return false;
  const next = isClass(note, q.to, "durationAfter") ? q.to + 1 : q.to;
  return (
    isClass(note, next, "milestone") ||
    (isClass(note, next, "occasion") && termAt(note, next)?.spelling.includes("开始") === true)
  );
}

function startsLine(note: Note, at: number): boolean {
  for (let i = at - 1; i >= at - 3; i--) {
    if (i < 0 || note.tokens.kind[i] === Kind.line) return true;
    if (!isClass(note, i, "agePadding") && !isClass(note, i, "person")) return false;
  }
  return false;
}

function endsLine(note: Note, at: number): boolean {
  for (let i = at; i < at + 3; i++) {
    if (i >= note.tokens.count || endsSentence(note, i) || isComma(note, i)) return true;
    if (!isClass(note, i, "agePadding") && !isClass(note, i, "approx")) return false;
  }
  return false;
}

/** "at 6 months", "5 yr M", "she is 14 months". */
function isEnglishAge(note: Note, q: Quantity): boolean {
  if (isClass(note, q.to, "durationAfter") || isClass(note, q.to + 1, "durationAfter")) return false;
  const next = termAt(note, q.to)?.spelling ?? wordAt(note, q.to);
  if (["m", "f", "male", "female", "boy", "girl", "infant", "child"].includes(next)) return true;
  const before = termAt(note, q.from - 1)?.spelling ?? "";
  const second = termAt(note, q.from - 2)?.spelling ?? "";
  if (
    ["older than", "younger than"].includes(`${second} ${before}`.trim()) ||
    before === "older than" ||
    before === "younger than"
  )
    return true;
  if (before === "at" && milestoneBefore(note, q.from)) return true;
  return (
    before === "is" &&
    isClass(note, q.from - 2, "person") &&
    (endsSentence(note, q.to) || isComma(note, q.to)) &&
    !isNumber(note, q.to + 1)
  );
}

/** "sat at 6 months", "diagnosed at 2 years". */
function milestoneBefore(note: Note, at: number): boolean {
  for (let i = at - 1; i >= Math.max(0, at - 12) && !endsSentence(note, i); i--)
    if (isClass(note, i, "ageStated")) return true;
  return false;
}

function wordAt({ tokens, codes }: Note, at: number): string {
  if (at >= tokens.count || tokens.end[at] - tokens.start[at] > 12) return "";
  return String.fromCharCode(...codes.subarray(tokens.start[at], tokens.end[at]));
}
