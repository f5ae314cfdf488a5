import type { Cue, WordClass } from "../lexicon/index.ts";
import { isWholeLine, opensNote } from "./clause.ts";
import { isConfirmed, runsOn } from "./dialogue.ts";
import type { Finding } from "./finding.ts";
import type { Status } from "./item.ts";
import { endsSentence, isClass, isComma, isNumber, type Note, punctuationAt, termAt } from "./note.ts";
import { isHan } from "./scan.ts";
import { inHan } from "./unnamed.ts";

/** How far a cue is looked for, in tokens: bounds the work per number, whatever the length of a sentence. */
export const window = 48;

/** Tokens between a near cue and its number. */
const nearby = 7;

const strength: Readonly<Record<Status, number>> = { other: 2, past: 1, current: 0 };

/** In kg: 出生后一直很好，体重12公斤. */
const greatestBirthWeight = 6;

const colon = ":".charCodeAt(0);

/** What is known of a finding beside the words around it. */
export interface Told {
  /** The note has given the same value before, as the patient's now. */
  readonly said?: boolean;
  /** The finding answers the cued words: that they ask, deny or suppose says nothing of it. */
  readonly answered?: boolean;
}

/** The status that the cues around a finding give it; undefined if there are none. A cue of another's value outweighs one of time. */
export function statusByCues(
  note: Note,
  finding: Finding,
  { said = false, answered = false }: Told = {},
): Status | undefined {
  let found: Status | undefined;
  let currentAt = Number.POSITIVE_INFINITY;
  let pastAt = Number.POSITIVE_INFINITY;
  const weigh = (cue: Cue, distance: number): void => {
    if (answered && ["question", "denied", "hypothetical"].includes(cue.why)) return;
    if (said && cue.unlessSaid) return;
    if (cue.why === "question" && isConfirmed(note, finding.to)) return;
    if (cue.status === "current") currentAt = Math.min(currentAt, distance);
    else if (cue.status === "past") pastAt = Math.min(pastAt, distance);
    else if (found === undefined || strength[cue.status] > strength[found]) found = cue.status;
  };
  let commas = 0;
  for (let at = finding.from - 1; at >= Math.max(0, finding.from - window); at--) {
    const ends = endsSentence(note, at) && !(punctuationAt(note, at) === 0x2e && at === finding.nameAt + 1);
    if (ends && !runsOn(note, at)) break;
    if (isComma(note, at) || (at + 1 === finding.nameAt && isSpaced(note, finding.nameAt))) commas++;
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

/** 既往湿疹 心率 76: a space for a comma, before a name in Chinese. */
function isSpaced({ codes, tokens }: Note, at: number): boolean {
  const before = tokens.start[at] - 1;
  return codes[before] === 0x20 && isHan(codes[before - 1]);
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

function applies(note: Note, cue: Cue, finding: Finding, at: number, distance: number, commas: number): boolean {
  if (cue.codes && !cue.codes.includes(finding.code)) return false;
  if (cue.except?.includes(finding.code)) return false;
  if (
    finding.code === "8310-5" &&
    cue.why === "threshold" &&
    cue.side === "after" &&
    isWholeLine(note, finding.from, at + 1)
  )
    return false;
  // BW is birth weight in English notes only.
  if (termAt(note, at)?.spelling === "bw" && inHan(note, at)) return false;
  if (cue.why === "birth" && finding.code === "29463-7" && finding.low > greatestBirthWeight) return false;
  // 家长：昨天39度 names who speaks.
  if (cue.why === "family" && at < finding.from && punctuationAt(note, at + 1) === colon) return false;
  if (cue.onlyRanges && (finding.low === finding.high || isVague(note, finding))) return false;
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

/** 五六岁的孩子咳嗽: an age that is not known better, where a note begins, and no range of ages. */
function isVague(note: Note, { code, from }: Finding): boolean {
  return code === "30525-0" && !Number.isNaN(note.tokens.high[from]) && opensNote(note, from);
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
    if (endsSentence(note, i)) return (asking || name === "question") && punctuationAt(note, i) === 0x3f;
  }
  return false;
}
