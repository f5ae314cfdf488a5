import { convert } from "../codes/index.ts";
import type { Term } from "../lexicon/index.ts";
import type { Asked } from "./age-place.ts";
import { isChineseAge } from "./chinese-age.ts";
import { endsClause, isComing, isWholeLine, personBefore, startsLine } from "./clause.ts";
import type { Finding } from "./finding.ts";
import type { Label } from "./label.ts";
import { endsSentence, isClass, isComma, isNumber, type Note, termAt } from "./note.ts";
import type { Quantity } from "./quantity.ts";
import { isHan } from "./scan.ts";
import { inHan } from "./unnamed.ts";

const code = "30525-0";

/**
 * An age, if the number is one. 岁 and "year-old" say so themselves; 个月, 天 and "months" are more often how long something
 * lasted, and count only next to a person, a birth, the word age, or as the answer to how old.
 *
 * @param asked what the lines before ask for
 */
export function readAge(
  note: Note,
  q: Quantity,
  findings: readonly Finding[],
  asked: Asked,
  label: Label | undefined,
): Finding | undefined {
  const { lexicon, tokens } = note;
  if (q.parts.length > 1 || q.date) return undefined;
  // 这个月龄的宝宝一天大便两次
  const near =
    label !== undefined &&
    ((q.from - label.at <= 2 && !isClass(note, q.from - 1, "person")) ||
      (q.unit?.unit !== "d" && q.unit?.unit !== "wk"));
  const named =
    near &&
    label &&
    !label.spent &&
    label.cost < 2.1 &&
    label.observations.some((i) => lexicon.observations[i].code === code);
  const listed = isComma(note, q.from - 1) || isClass(note, q.from - 1, "and") || isClass(note, q.from - 1, "change");
  const row =
    listed && label?.spent && label.cost < 0.8 && label.observations.some((i) => lexicon.observations[i].code === code);
  const { unit } = q;
  // 差5天满13个月: what is wanting.
  if (note.codes[note.tokens.start[q.from] - 1] === 0x5dee) return undefined;
  if (!unit) return readAgeAtDeath(note, q) ?? readBareAge(note, q, asked);
  if (unit.age === undefined) return undefined;
  let measured = unit.unit;
  const weeksForYears = measured === "wk" && inWeeksMeansYears(note, q, asked);
  if (weeksForYears) measured = "a";
  const [low, high] = [q.parts[0].low, q.parts[0].high].map((value) => months(value, measured));
  const told = unit.age === "always" || weeksForYears || named || row;
  const han = !told && isHan(note.codes[tokens.start[q.to - 1]]);
  const chinese = han ? isChineseAge(note, q, findings, asked, low) : undefined;
  if (!(told || chinese || (!han && isEnglishAge(note, q)))) return undefined;
  if (high > 1440) return undefined;
  // 03岁: a range whose dash is lost.
  const lost = note.codes[tokens.start[q.from]] === 0x30 && tokens.end[q.from] - tokens.start[q.from] === 2;
  return {
    ...{ code, low: lost ? 0 : low, high, from: q.from, to: q.to, nameAt: named ? label.at : q.from },
    ...{ basis: named || unit.age === "always" ? "stated" : "inferred", reference: lost, printed: true },
    ...(chinese === "loose" ? { loose: true } : {}),
  };
}

/** So many months or years old is a child at most who is asked how many. */
const greatestBare = { mo: 36, a: 18 } as const;

/** 几个月了？⏎7: a line that is but a number, where the question names the unit. */
function readBareAge(note: Note, q: Quantity, asked: Asked): Finding | undefined {
  const { low, high } = q.parts[0];
  if (!asked.age || !asked.unit || q.decimals > 0 || low < 1 || high > greatestBare[asked.unit]) return undefined;
  if (!isWholeLine(note, q.from, q.to)) return undefined;
  const span = { from: q.from, to: q.to, nameAt: q.from };
  const [from, to] = [low, high].map((value) => months(value, asked.unit as string));
  return { code, low: from, high: to, ...span, basis: "inferred", reference: false, printed: false };
}

/** "father died of an MI at 65", "brother had a bypass at 54". */
function readAgeAtDeath(note: Note, q: Quantity): Finding | undefined {
  const { low } = q.parts[0];
  if (termAt(note, q.from - 1)?.spelling !== "at" || q.decimals > 0 || low < 1 || low > 110) return undefined;
  let [relative, died] = [false, false];
  for (let at = q.from - 2; at >= Math.max(0, q.from - 24) && !endsSentence(note, at); at--) {
    relative ||= isClass(note, at, "relative");
    died ||= isClass(note, at, "died");
  }
  if (!relative || !died) return undefined;
  const value = low * 12;
  const span = { from: q.from, to: q.to, nameAt: q.from };
  return { code, low: value, high: value, ...span, basis: "inferred", reference: true, printed: false };
}

/** 宝宝刚满月: a word that is an age by itself. */
export function readAgeWord(note: Note, at: number, term: Term): Finding | undefined {
  const { age } = term;
  if (age === undefined) return undefined;
  // 刚满月 says whose by itself: nobody else has just turned a month.
  const occasion = isClass(note, at + 1, "occasion");
  // 没满月的宝宝 says no age; 没满月的时候 says when.
  const before = note.codes[note.tokens.start[at] - 1];
  if ((before === 0x6ca1 || before === 0x672a) && !occasion) return undefined;
  const beside = personBefore(note, at) || isClass(note, at + 1, "person") || isComing(note, at);
  const whose = term.spelling.startsWith("刚") || beside || occasion;
  if (!whose) return undefined;
  const span = { from: at, to: at + 1, nameAt: at };
  return { code, low: age, high: age, ...span, basis: "stated", reference: false, printed: true };
}

function months(value: number, unit: string): number {
  return Number(convert(value, unit, "mo").toPrecision(6));
}

/** More weeks are no years of a child, but of a pregnancy: 纠正胎龄多少？35周. */
const greatestWeeks = 16;

/** As many weeks or more, of a child with a birthday to come, are years: 宝宝已经三周了. */
const leastWeeksAlready = 3;

/** 儿子四周半, 宝宝快两周了, 三周的小朋友, 多大了？三周: 周岁 with its 岁 left out. A newborn's age is given in days. */
function inWeeksMeansYears(note: Note, q: Quantity, asked: Asked): boolean {
  const unit = termAt(note, q.to - 1)?.spelling ?? "";
  if (!/^周[半多]?$/.test(unit) || q.parts[0].low > greatestWeeks) return false;
  if (unit !== "周" && personBefore(note, q.from)) return true;
  if (/小朋友$/.test(termAt(note, q.to)?.spelling ?? "")) return true;
  if (!endsClause(note, q.to)) return false;
  if (asked.age && startsLine(note, q.from)) return true;
  const stress = termAt(note, q.from - 1)?.spelling ?? "";
  if (
    unit === "周" &&
    q.parts[0].low >= 2 &&
    isClass(note, q.from - 1, "person") &&
    !isClass(note, q.from - 1, "birth")
  )
    return true;
  const least = /^(快|快要|马上|将近|今年|满|刚满)$/.test(stress) ? 1 : leastWeeksAlready;
  return (least === 1 || /^(已经|都|现在|才)$/.test(stress)) && q.parts[0].low >= least && personBefore(note, q.from);
}

/** "at 6 months", "5 yr M", "she is 14 months". */
function isEnglishAge(note: Note, q: Quantity): boolean {
  if (isClass(note, q.to, "durationAfter") || isClass(note, q.to + 1, "durationAfter")) return false;
  const next = termAt(note, q.to)?.spelling ?? wordAt(note, q.to);
  if (["m", "f", "male", "female", "boy", "girl", "infant", "child"].includes(next)) return true;
  // 10M 男, 宝宝2Y3M
  const letter = (termAt(note, q.to - 1)?.spelling.length ?? 0) === 1 && inHan(note, q.from);
  if (letter && (q.to - q.from > 2 || isClass(note, q.to, "person") || personBefore(note, q.from))) return true;
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
