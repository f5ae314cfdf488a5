import type { WordClass } from "../lexicon/index.ts";
import { type Asked, answers, isTaken, leastDays, repeats } from "./age-place.ts";
import { begins, endsClause, personBefore, saysNow, startsClause } from "./clause.ts";
import type { Finding } from "./finding.ts";
import { endsSentence, isClass, isComma, type Note, termAt } from "./note.ts";
import type { Quantity } from "./quantity.ts";

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
  // 6个月 男
  if (unit === "mo" && /^[男女]$/.test(spelling)) return true;
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
