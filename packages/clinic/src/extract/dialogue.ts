import type { Finding } from "./finding.ts";
import { isClass, type Note, punctuationAt, termAt } from "./note.ts";
import { Kind } from "./tokens.ts";

/*
 * Notes are often what two people typed in turn, without their names: each line an utterance, a question on one and its answer on the
 * next, or one sentence over two.
 */

/** 宝宝两岁吗？是的: the next line says yes. */
export function isConfirmed(note: Note, from: number): boolean {
  let at = from;
  while (at < note.tokens.count && at < from + 8 && note.tokens.kind[at] !== Kind.line) at++;
  if (at >= note.tokens.count || note.tokens.kind[at] !== Kind.line) return false;
  const start = note.tokens.end[at];
  return /^[ \t]*(是的|是啊|是呀|对的|对啊|对呀|对[。，,\n]|是[。，,\n]|嗯|恩|有的|有[。，,\n]|yes\b)/i.test(
    note.text.slice(start, start + 8),
  );
}

/** Whether a line breaks off within a sentence: 体温反复超过⏎37.2建议就诊, 如果⏎38.5以上. */
export function runsOn(note: Note, at: number): boolean {
  if (note.tokens.kind[at] !== Kind.line) return false;
  const cues = termAt(note, at - 1)?.cues ?? [];
  return isClass(note, at - 1, "compare") || cues.some((cue) => note.lexicon.cues[cue].why === "hypothetical");
}

/** Whether a value is said again on the next line, with nothing else between: 六斤二两⏎六斤二两. */
export function isEcho(note: Note, before: Finding, finding: Finding): boolean {
  if (before.code !== finding.code || before.low !== finding.low || before.high !== finding.high) return false;
  if (finding.from - before.to > 4) return false;
  let lines = 0;
  for (let at = before.to; at < finding.from; at++) {
    if (note.tokens.kind[at] === Kind.line) lines++;
    else if (!isClass(note, at, "agePadding") && !isClass(note, at, "approx")) return false;
  }
  return lines === 1;
}

/**
 * Whether the value answers a question of the class, on the line before: when something was (什么时候会翻身的？⏎三个多月), or what holds
 * in general or of somebody else (多少度吃退烧药⏎38.5, 哥哥多大⏎5岁).
 */
export function answersQuestion(note: Note, { from }: Finding, question: "whenQuestion" | "generalQuestion"): boolean {
  const line = lineBefore(note, from);
  if (line === undefined) return false;
  for (let at = line - 1; at >= line - 16 && at >= 0 && note.tokens.kind[at] !== Kind.line; at--)
    if (isClass(note, at, question)) return true;
  return false;
}

/** The line break before a value that its line begins with. */
function lineBefore(note: Note, from: number): number | undefined {
  for (let at = from - 1; at >= 0 && at >= from - 3; at--) {
    if (note.tokens.kind[at] === Kind.line) return at;
    const ordinal = note.text.slice(note.tokens.start[at], note.tokens.end[at]) === "第";
    const leads = (["agePadding", "approx", "birth"] as const).some((name) => isClass(note, at, name));
    if (!leads && !ordinal) return undefined;
  }
  return undefined;
}

/** Whether a token is a mark or a word of a question. */
export function asks(note: Note, at: number): boolean {
  return punctuationAt(note, at) === 0x3f || isClass(note, at, "question");
}

/** Lines within which an answer may say the asked value again. */
const patience = 4;

/** Whether a value that is asked for (最高37.6度是吗) is given again by an answer soon after. */
export function isAnswered(note: Note, finding: Finding, later: readonly Finding[]): boolean {
  const padded = isClass(note, finding.to, "agePadding") || isClass(note, finding.to, "approx");
  if (!asks(note, finding.to) && !(padded && asks(note, finding.to + 1))) return false;
  let lines = 0;
  let at = finding.to;
  for (const { code, low, high, from } of later) {
    for (; at < from && lines <= patience; at++) if (note.tokens.kind[at] === Kind.line) lines++;
    if (lines > patience) return false;
    if (lines > 0 && code === finding.code && low === finding.low && high === finding.high) return true;
  }
  return false;
}

/** Tokens within which a birth is asked about before a weight that answers. */
const birthWithin = 24;

/** Whether a newborn's weight, alone on its line, answers questions about the birth: 足月吗？⏎四十周⏎五斤四两. */
export function isBirthWeight(note: Note, finding: Finding): boolean {
  const { code, from, high } = finding;
  if (code !== "29463-7" || high > 5 || lineBefore(note, from) === undefined) return false;
  for (let at = from - 1; at >= from - birthWithin && at >= 0; at--)
    if (isClass(note, at, "birth") || isClass(note, at, "term")) return true;
  return false;
}
