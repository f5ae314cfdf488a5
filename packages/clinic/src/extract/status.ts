import type { Cue, WordClass } from "../lexicon/index.ts";
import type { Finding } from "./finding.ts";
import type { Status } from "./item.ts";
import { endsSentence, isClass, isComma, isNumber, type Note, punctuationAt, termAt } from "./note.ts";
import { sectionsOf } from "./sections.ts";
import { Kind } from "./tokens.ts";

/** How far a cue is looked for, in tokens: bounds the work per number, whatever the length of a sentence. */
const window = 48;

/** Tokens between a near cue and its number. */
const nearby = 7;

const strength: Readonly<Record<Status, number>> = { other: 2, past: 1, current: 0 };

/** Tells whose measurement each finding is, and when: by the cues around it, else by its section. */
export function assignStatus(note: Note, findings: readonly Finding[]): Status[] {
  const sections = sectionsOf(note);
  let section = 0;
  const statuses: Status[] = [];
  for (const [i, finding] of findings.entries()) {
    if (finding.reference) {
      statuses.push("other");
      continue;
    }
    while (section + 1 < sections.length && sections[section + 1].from <= finding.from) section++;
    const cued =
      statusByCues(note, finding) ?? statusOfQuestion(note, finding) ?? statusInRow(note, findings, statuses, i);
    statuses.push(cued ?? sections[section].status);
  }
  return statuses;
}

/** The cues of the question that the finding answers: "weight at birth?" on the line before. */
function statusOfQuestion(note: Note, finding: Finding): Status | undefined {
  const { nameAt, from } = finding;
  // A name far back, at the head of a long row, asks nothing.
  if (from - nameAt > window) return undefined;
  for (let at = nameAt + 1; at < from; at++)
    if (endsSentence(note, at)) return statusByCues(note, { ...finding, from: nameAt + 1, to: nameAt + 1 }, true);
  return undefined;
}

/** The last of a row has the status of the first: "children are ages 47, 49, and 51". */
function statusInRow(
  note: Note,
  findings: readonly Finding[],
  statuses: readonly Status[],
  i: number,
): Status | undefined {
  const before = findings[i - 1];
  const finding = findings[i];
  if (!before || finding.from <= before.from || finding.from - before.to > 6) return undefined;
  let compared = false;
  for (let at = before.to; at < finding.from; at++) {
    if (endsSentence(note, at)) return undefined;
    compared ||= isClass(note, at, "compare");
    if (before.code === finding.code && !isComma(note, at) && !isClass(note, at, "and")) return undefined;
  }
  return before.code === finding.code || (compared && statuses[i - 1] === "other") ? statuses[i - 1] : undefined;
}

/** @param answered the finding answers the cued words: that they ask, deny or suppose says nothing of it */
function statusByCues(note: Note, finding: Finding, answered = false): Status | undefined {
  let found: Status | undefined;
  let currentAt = Number.POSITIVE_INFINITY;
  let pastAt = Number.POSITIVE_INFINITY;
  const weigh = (cue: Cue, distance: number): void => {
    if (answered && ["question", "denied", "hypothetical"].includes(cue.why)) return;
    if (cue.why === "question" && isConfirmed(note, finding.to)) return;
    if (cue.status === "current") currentAt = Math.min(currentAt, distance);
    else if (cue.status === "past") pastAt = Math.min(pastAt, distance);
    else if (found === undefined || strength[cue.status] > strength[found]) found = cue.status;
  };
  let commas = 0;
  for (let at = finding.from - 1; at >= Math.max(0, finding.from - window); at--) {
    if (endsSentence(note, at) && !(punctuationAt(note, at) === 0x2e && at === finding.nameAt + 1)) break;
    if (isComma(note, at)) commas++;
    for (const index of termAt(note, at)?.cues ?? []) {
      const cue = note.lexicon.cues[index];
      if (cue.side !== "before") continue;
      const name = finding.nameAt < finding.from && at < finding.nameAt ? finding.from - finding.nameAt : 0;
      const distance = finding.from - at - name;
      if (applies(note, cue, finding, at, distance, commas)) weigh(cue, finding.from - at);
    }
  }
  commas = 0;
  for (let at = finding.to; at < Math.min(note.tokens.count, finding.to + window / 2); at++) {
    const asks = punctuationAt(note, at) === 0x3f;
    if (endsSentence(note, at) && !asks) break;
    if (isComma(note, at)) commas++;
    for (const index of termAt(note, at)?.cues ?? []) {
      const cue = note.lexicon.cues[index];
      if (cue.side === "after" && applies(note, cue, finding, at, at - finding.to + 1, commas))
        weigh(cue, at - finding.to + 1);
    }
    if (asks) break;
  }
  if (found) return found;
  if (datedBefore(note, finding)) return "past";
  if (pastAt < Number.POSITIVE_INFINITY && pastAt <= currentAt) return "past";
  return currentAt < Number.POSITIVE_INFINITY ? "current" : undefined;
}

/** "on 05/09/06 hemoglobin was 12.1, and today 10.7": a date before the name and a now after the number. */
function datedBefore(note: Note, { nameAt, from, to, code }: Finding): boolean {
  if (code === "30525-0" || nameAt === from) return false;
  let dated = false;
  for (let at = nameAt - 1; at >= Math.max(0, nameAt - 6) && !isComma(note, at) && !endsSentence(note, at); at--)
    dated ||= isNumber(note, at) && punctuationAt(note, at + 1) === 0x2f && punctuationAt(note, at + 3) === 0x2f;
  if (!dated) return false;
  for (let at = to; at < Math.min(note.tokens.count, to + window / 2) && !endsSentence(note, at); at++)
    if (isClass(note, at, "current")) return true;
  return false;
}

/** 宝宝两岁吗？是的: the next line says yes. */
function isConfirmed(note: Note, from: number): boolean {
  let at = from;
  while (at < note.tokens.count && at < from + 8 && note.tokens.kind[at] !== Kind.line) at++;
  if (at >= note.tokens.count || note.tokens.kind[at] !== Kind.line) return false;
  const start = note.tokens.end[at];
  return /^[ \t]*(是的|是啊|是呀|对的|对啊|对呀|对[。，,\n]|是[。，,\n]|嗯|恩|yes\b)/i.test(
    note.text.slice(start, start + 8),
  );
}

function applies(note: Note, cue: Cue, finding: Finding, at: number, distance: number, commas: number): boolean {
  if (cue.codes && !cue.codes.includes(finding.code)) return false;
  if (cue.except?.includes(finding.code)) return false;
  if (cue.onlyRanges && finding.low === finding.high) return false;
  if (cue.reach === "next" && distance > 1) return false;
  if (cue.reach === "adjacent" && (distance > 2 || commas > 0)) return false;
  if (cue.reach === "near" && (distance > nearby || commas > 0)) return false;
  if (cue.reach === "phrase" && distance > nearby) return false;
  if (cue.reach === "clause" && commas > 0) return false;
  if (cue.unless?.some((name) => undoneBetween(note, name as WordClass, finding, at))) return false;
  if (cue.with && !precededBy(note, finding.from, cue.with as WordClass)) return false;
  if (cue.unlessClause && undoneInClause(note, cue.unlessClause as WordClass, finding, at)) return false;
  if (cue.unlessAfter && followedBy(note, finding.to, cue.unlessAfter as WordClass, true)) return false;
  return cue.needs === undefined || followedBy(note, finding.to, cue.needs as WordClass);
}

function undoneBetween(note: Note, name: WordClass, finding: Finding, at: number): boolean {
  const [from, to] = at < finding.from ? [at + 1, finding.from] : [finding.to, at];
  for (let i = from; i < to; i++) if (isClass(note, i, name)) return true;
  return false;
}

function undoneInClause(note: Note, name: WordClass, finding: Finding, cueAt: number): boolean {
  for (let i = finding.from - 1; i >= Math.max(0, finding.from - window); i--) {
    if (i < cueAt && (endsSentence(note, i) || isComma(note, i))) break;
    if (i !== cueAt && isClass(note, i, name)) return true;
    if (cueAt > finding.from && (endsSentence(note, i) || isComma(note, i))) break;
  }
  return false;
}

function precededBy(note: Note, from: number, name: WordClass): boolean {
  for (let i = from - 1; i >= Math.max(0, from - window) && !endsSentence(note, i); i--)
    if (isClass(note, i, name)) return true;
  return false;
}

/** @param asking a question mark at the end of the sentence counts as its part */
function followedBy(note: Note, from: number, name: WordClass, asking = false): boolean {
  for (let i = from; i < Math.min(note.tokens.count, from + 16); i++) {
    if (isClass(note, i, name)) return true;
    if (endsSentence(note, i)) return asking && punctuationAt(note, i) === 0x3f;
  }
  return false;
}
