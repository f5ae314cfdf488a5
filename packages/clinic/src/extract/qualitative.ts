import { isOf } from "../lexicon/index.ts";
import { endsSentence, isClass, isComma, isNumber, type Note, punctuationAt, termAt } from "./note.ts";

/** A qualitative result, before its status is known. */
export interface QualitativeFinding {
  readonly code: string;
  readonly result: string;
  /** Tokens of name and result, `to` exclusive. */
  readonly from: number;
  readonly to: number;
}

/** How far a result is looked for after its test, in tokens. */
const window = 24;

/** Finds tests whose result is a word: mycoplasma positive, 合胞病毒（-）, 1:160, and what film and stethoscope found, as stated. */
export function findQualitative(note: Note, text: string): QualitativeFinding[] {
  const found: QualitativeFinding[] = [];
  for (let at = 0; at < note.tokens.count; at++) {
    const index = termAt(note, at)?.tests[0];
    if (index === undefined) continue;
    const test = note.lexicon.tests[index];
    const finding =
      test.result === "finding" ? readFinding(note, text, at) : readPresence(note, text, at, test.result === "titre");
    if (!finding) continue;
    found.push({ code: test.code, ...finding });
    if (test.result === "finding") at = Math.max(at, finding.to - 1);
  }
  return found;
}

/** What links a name to its finding and is no part of it. */
const leading =
  /^(?:[\s:：,，、]|are |is |were |was |shows? |showed |reveals? |revealed |demonstrates? |demonstrated |exam |提示|示|见|是)+/i;

type Found = Omit<QualitativeFinding, "code">;

/** positive, negative, indeterminate or a titre. */
function readPresence(note: Note, text: string, at: number, titres: boolean): Found | undefined {
  let result: string | undefined;
  let to = at + 1;
  for (let i = at + 1; i < at + window && i < note.tokens.count; i++) {
    if (endsSentence(note, i) && punctuationAt(note, i) !== 0x3b) break;
    if (isComma(note, i) && !namesTest(note, i + 1) && punctuationAt(note, i) !== 0x3001) break;
    if (titres && isNumber(note, i) && punctuationAt(note, i + 1) === 0x3a && isNumber(note, i + 2)) {
      result = text.slice(note.tokens.start[i], note.tokens.end[i + 2]).replace("：", ":");
      to = i + 3;
      break;
    }
    const term = termAt(note, i);
    if (term?.result !== undefined) {
      result = term.result;
      to = i + 1;
      break;
    }
    if (term && term.names.length > 0) break;
  }
  if (result !== undefined) return { result, from: at, to };
  // "negative for RSV and influenza", 未检出支原体
  for (let i = at - 1; i >= at - 8 && i >= 0 && !endsSentence(note, i); i--) {
    const term = termAt(note, i);
    if (term?.result !== undefined && (isClass(note, i + 1, "bridge") || i === at - 1))
      return { result: term.result, from: i, to: at + 1 };
    if (isComma(note, i) && !namesTest(note, i + 1)) break;
  }
  return undefined;
}

function namesTest(note: Note, at: number): boolean {
  return (termAt(note, at)?.tests.length ?? 0) > 0 || (termAt(note, at + 1)?.tests.length ?? 0) > 0;
}

/** The rest of the sentence, if it holds a finding: as stated, since a film is not ours to interpret. */
function readFinding(note: Note, text: string, at: number): Found | undefined {
  let to = at + 1;
  let has = false;
  let last = at;
  for (; to < at + window && to < note.tokens.count && !endsSentence(note, to); to++) {
    const term = termAt(note, to);
    if (to > at + 2 && isOf(term, "question")) return undefined;
    if (term?.section !== undefined && punctuationAt(note, to + 1) === 0x3a) break;
    if (term && (term.names.length > 0 || term.short.length > 0) && has) break;
    if (term?.finding) {
      has = true;
      last = to;
    } else if (!isComma(note, to)) last = has && isComma(note, to - 1) ? last : Math.max(last, to);
    if (has && isComma(note, to) && !continues(note, to + 1)) break;
  }
  if (!has || isClass(note, to, "question")) return undefined;
  const from = note.tokens.end[at];
  const result = text
    .slice(from, note.tokens.end[Math.max(last, at + 1)])
    .replace(leading, "")
    .trim();
  return result === "" ? undefined : { result, from: at, to: Math.max(last, at + 1) + 1 };
}

/** Whether another finding of the same place follows a comma. */
function continues(note: Note, at: number): boolean {
  for (let i = at; i < at + 8 && i < note.tokens.count && !isComma(note, i) && !endsSentence(note, i); i++)
    if (termAt(note, i)?.finding) return true;
  return false;
}
