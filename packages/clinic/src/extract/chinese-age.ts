import type { WordClass } from "../lexicon/index.ts";
import {
  asksInLine,
  begins,
  endsClause,
  isComing,
  opensNote,
  personBefore,
  personInLine,
  saysNow,
  startsClause,
  startsLine,
} from "./clause.ts";
import type { Finding } from "./finding.ts";
import { endsSentence, isClass, isComma, isNumber, type Note, termAt } from "./note.ts";
import type { Quantity } from "./quantity.ts";
import { Kind } from "./tokens.ts";

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
const leastDays = 12;

/** Fewer days than this are so too where a question asks how old. */
const leastDaysAsked = 7;

/** As many days or more after 今天 are an age: no illness of a child's is counted so long by the day. */
const leastDaysToday = 20;

/** As many weeks or more are those of a pregnancy: 出生的时候35周. */
const leastGestation = 22;

/** Classes of words after a bound that make it one of age: 六个月以上的孩子, 六个月以后添加. */
const boundedAge: readonly WordClass[] = ["person", "advice", "milestone"];

/**
 * Whether 个月, 天 or 周 is an age rather than how long something lasted: next to a person, a birth or a milestone, as the answer to
 * how old, or as an age that the note has given before (firm), or by where it stands (loose).
 *
 * @param months the number, in months
 */
export function isChineseAge(
  note: Note,
  q: Quantity,
  findings: readonly Finding[],
  asked: Asked,
  months: number,
): "firm" | "loose" | undefined {
  if (isOrdinal(note, q, asked) || isOfPregnancy(note, q)) return undefined;
  const said = findings.slice(-64).some(({ code, low }) => code === "30525-0" && low === months);
  if (q.unit!.unit === "d" && hasOrdinal(note, q)) return "firm";
  const beside = besides(note, q);
  if (beside !== undefined) return beside ? "firm" : undefined;
  if (answers(note, q, asked, said)) return asked.age || said || saysNow(note, q.from) ? "firm" : "loose";
  return said && !asked.duration && repeats(note, q) ? "firm" : undefined;
}

/** 第一个月 counts months from something; 出生第5天 is an age. */
function isOrdinal(note: Note, q: Quantity, asked: Asked): boolean {
  if (!hasOrdinal(note, q)) return false;
  if (q.unit!.unit !== "d") return true;
  const long = q.parts[0].low >= leastDays && endsClause(note, q.to);
  const today = /^(今天|现在|目前)/.test(termAt(note, q.from - 2)?.spelling ?? "");
  // 宝宝今天第55天
  if (long && today && (asked.age || isClass(note, q.from - 3, "person"))) return false;
  return !(isClass(note, q.from - 2, "birth") || isSinceBirth(note, q));
}

function hasOrdinal({ codes, tokens }: Note, { from }: Quantity): boolean {
  return codes[tokens.start[from] - 1] === 0x7b2c;
}

/** 1月4日出生，体重8斤9两，今天第19天: a birth before, in the same sentence. */
function isSinceBirth(note: Note, { from }: Quantity): boolean {
  if (!/^(今天|现在|目前)/.test(termAt(note, from - 2)?.spelling ?? "")) return false;
  for (let at = from - 3; at >= from - 24 && at >= 0 && !endsSentence(note, at); at--)
    if (isClass(note, at, "birth")) return true;
  return false;
}

function isOfPregnancy(note: Note, q: Quantity): boolean {
  if (q.unit!.unit === "wk" && q.parts[0].low >= leastGestation) return true;
  for (let at = q.from - 1; at >= q.from - 6 && at >= 0 && !endsSentence(note, at); at--)
    if (isClass(note, at, "pregnancy")) return true;
  for (let at = q.to; at < q.to + 5 && !endsSentence(note, at) && !isComma(note, at); at++)
    if (isClass(note, at, "pregnancy")) return true;
  return false;
}

/** What the words right beside the number say; undefined if nothing. */
function besides(note: Note, q: Quantity): boolean | undefined {
  const { unit } = q.unit!;
  const after = q.to;
  const spelling = termAt(note, after)?.spelling ?? "";
  if (["以下", "及以下", "以下的"].includes(spelling) && (unit === "mo" || unit === "a")) return true;
  // 七天大便里有: what follows the number is a word that the unit's spelling took with it.
  const swallowed = /大(便|小便|概|约|夫|量)$/.test(termAt(note, after - 1)?.spelling ?? "");
  const lasted = !swallowed && isClass(note, after, "durationAfter");
  const bounded = isClass(note, after, "bound");
  const { low, high } = q.parts[0];
  const long =
    unit === "mo" || unit === "a" || (unit === "d" && low >= leastDays) || (q.to - q.from > 2 && low === high);
  if (isClass(note, after, "ageAfter") && !lasted) {
    // 吃了4天的小儿氨酚: how long a drug was taken.
    if (!long && isTaken(note, q.from - 1)) return false;
    if (isClass(note, after, "occasion"))
      return (
        unit === "mo" ||
        isClass(note, q.from - 1, "birth") ||
        personBefore(note, q.from) ||
        (long && begins(note, q.from))
      );
    return long || spelling.startsWith("的") || isClass(note, q.from - 1, "birth");
  }
  const stress = termAt(note, q.from - 1)?.spelling ?? "";
  if ((stress === "满" && long) || (stress === "刚满" && personBefore(note, q.from))) return true;
  if (stress === "到了" && unit === "mo") return true;
  // 从四个多月就攒肚, 三十五天得过肺炎
  if (unit === "mo" && ((spelling === "起" && !isSpan(note, q)) || (stress === "从" && spelling === "就"))) return true;
  if (["得", "得过", "患", "患过"].includes(spelling) && (unit === "mo" || (long && begins(note, q.from)))) return true;
  if (isSpan(note, q)) return false;
  const born = isClass(note, q.from - 1, "birth") || isClass(note, q.from - 2, "birth");
  // 新生儿3天没拉: of a person who is named so, not of a birth.
  if (born && !(lasted && isClass(note, q.from - 1, "person"))) return true;
  if (isMilestone(note, q)) return unit === "mo";
  if (bounded && unit === "mo" && /[就可才再]|该|要$/.test(spelling)) return true;
  if (bounded && unit === "mo" && boundedAge.some((name) => isClass(note, after + 1, name))) return true;
  if (bounded && unit === "mo" && personBefore(note, q.from)) return true;
  if (bounded && unit === "mo" && /^(推荐|适合|适用于|建议|要|需)$/.test(stress)) return true;
  // 小于6个月不建议, 不足3个月的婴儿
  const limits = unit === "mo" && (isClass(note, q.from - 1, "compare") || isClass(note, q.from - 1, "less"));
  if (limits && isClass(note, after, "instruction") && startsClause(note, q.from - 1)) return true;
  if (lasted || bounded) return false;
  if (personBefore(note, q.from)) return long;
  return undefined;
}

/** 吃了, 给吃, 打 */
function isTaken(note: Note, at: number): boolean {
  return isClass(note, at, "done") || /^(给?[吃喝用打挂输服喂])$/.test(termAt(note, at)?.spelling ?? "");
}

/** 这一个月, 最近两个月, 连续三个月: how long until now. */
function isSpan(note: Note, { from, to }: Quantity): boolean {
  if (!isClass(note, from - 1, "span")) return false;
  // 宝宝近三个月了 is an age.
  return !(termAt(note, from - 1)?.spelling === "近" && isClass(note, from - 2, "person") && endsClause(note, to));
}

/** 从两个月开始, 六个月开始加辅食, 四个月后就该添加了. */
function isMilestone(note: Note, q: Quantity): boolean {
  if (q.unit!.unit !== "mo") return false;
  const next = isClass(note, q.to, "durationAfter") ? q.to + 1 : q.to;
  const starts = isClass(note, next, "occasion") && termAt(note, next)!.spelling.includes("开始");
  return isClass(note, next, "milestone") || starts;
}

/**
 * The answer to how old, or a line that says no more than an age: 都六个半月了, 五个月可以用吗.
 *
 * @param said the same age was given before
 */
function answers(note: Note, q: Quantity, asked: Asked, said: boolean): boolean {
  const { unit } = q.unit!;
  const starts = startsLine(note, q.from);
  const whole = endsClause(note, q.to);
  const stress = termAt(note, q.from - 1)?.spelling ?? "";
  const dated = termAt(note, q.from - 1)?.spelling === "号";
  if (asked.age && (starts || (whole && (stress === "就" || dated)))) {
    const { low } = q.parts[0];
    return unit === "d" ? low >= (whole ? leastDaysAsked : leastDays) : whole || unit !== "wk";
  }
  if (stress === "今天" && unit === "d" && q.parts[0].low >= leastDaysToday) return whole && begins(note, q.from - 1);
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
function repeats(note: Note, q: Quantity): boolean {
  // 吃了快一个月了
  if (isTaken(note, q.from - 2)) return false;
  return begins(note, q.from) || isClass(note, q.to, "occasion");
}
