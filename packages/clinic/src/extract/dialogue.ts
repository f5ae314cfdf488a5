import type { Finding } from "./finding.ts";
import { isClass, type Note } from "./note.ts";
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

/** Whether a line breaks off within a sentence: 体温反复超过⏎37.2建议就诊. */
export function runsOn(note: Note, at: number): boolean {
  return note.tokens.kind[at] === Kind.line && isClass(note, at - 1, "compare");
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
