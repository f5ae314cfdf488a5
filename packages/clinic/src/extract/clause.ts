import { endsSentence, isClass, isComma, isNumber, type Note, punctuationAt, termAt } from "./note.ts";
import { Kind } from "./tokens.ts";

/* Where a number stands in its clause, its line and its note: what people who write in a chat leave to that. */

/** Whether a clause begins with now, or a word as much: 现在快六个半月了, 才两个月. */
export function saysNow(note: Note, from: number): boolean {
  let now = false;
  for (let at = from - 1; at >= from - 4; at--) {
    if (at < 0 || isComma(note, at) || endsSentence(note, at)) return now;
    if (!isClass(note, at, "agePadding")) return false;
    now ||= /^(现在|目前|今天|才|马上)/.test(termAt(note, at)!.spelling);
  }
  return false;
}

/** Whether nothing but a greeting stands before in the note: people begin with how old the child is. */
export function opensNote(note: Note, from: number): boolean {
  for (let at = from - 1; at >= from - 16; at--) {
    if (at < 0) return true;
    const { kind } = note.tokens;
    const silent = kind[at] === Kind.punctuation || kind[at] === Kind.line;
    if (!silent && !isClass(note, at, "greeting") && !isClass(note, at, "agePadding")) return false;
  }
  return false;
}

export function personInLine(note: Note, at: number): boolean {
  for (let i = at - 1; i >= at - 10 && i >= 0 && note.tokens.kind[i] !== Kind.line; i--)
    if (isClass(note, i, "person")) return true;
  return false;
}

/** Whether a person stands before, with nothing but 现在, 才, 已经 and such between. */
export function personBefore(note: Note, at: number): boolean {
  for (let i = at - 1, steps = 0; steps < 4 && i >= 0; steps++, i--) {
    if (isClass(note, i, "person")) return true;
    const padding = isClass(note, i, "agePadding") || termAt(note, i)?.spelling === "有";
    // 宝宝⏎六个月了
    if (steps === 0 && note.tokens.kind[i] === Kind.line && isClass(note, i - 1, "person"))
      return i < 2 || note.tokens.kind[i - 2] === Kind.line;
    // 女/5个月
    const slash = punctuationAt(note, i) === 0x2f;
    const apposed =
      (isComma(note, i) || slash) &&
      (steps === 0 || note.tokens.kind[i + 1] === Kind.term) &&
      isClass(note, i - 1, "person");
    if (!padding && !apposed) return false;
  }
  return false;
}

export function asksInLine(note: Note, at: number): boolean {
  for (let i = at; i < at + 16 && i < note.tokens.count && note.tokens.kind[i] !== Kind.line; i++)
    if (punctuationAt(note, i) === 0x3f || isClass(note, i, "question") || /(多少|[吧呢])$/.test(wordOf(note, i)))
      return true;
  return false;
}

function wordOf({ text, tokens }: Note, at: number): string {
  return tokens.end[at] - tokens.start[at] > 8 ? "" : text.slice(tokens.start[at], tokens.end[at]);
}

export function startsLine(note: Note, at: number): boolean {
  for (let i = at - 1; i >= at - 3; i--) {
    if (i < 0 || note.tokens.kind[i] === Kind.line) return true;
    const leads = (["agePadding", "person", "compare"] as const).some((name) => isClass(note, i, name));
    if (!leads) return false;
  }
  return false;
}

/** Whether a day to come stands right before: 下周就6个月了, 明天满月. */
export function isComing({ text, tokens }: Note, at: number): boolean {
  return /(明天|后天|下周|下个?月|月底|过几天|[0-9]号|[几两三]天)$/.test(
    text.slice(Math.max(0, tokens.start[at] - 4), tokens.start[at]),
  );
}

/** Whether the tokens are all of a line, but for words of an age. */
export function isWholeLine(note: Note, from: number, to: number): boolean {
  const { count, kind } = note.tokens;
  const ends = (at: number): boolean => at < 0 || at >= count || kind[at] === Kind.line;
  const first = isClass(note, from - 1, "agePadding") ? from - 2 : from - 1;
  return ends(first) && ends(isClass(note, to, "agePadding") ? to + 1 : to);
}

/** Whether nothing more of weight follows in the clause. Another number begins another answer: 五个半月十四斤. */
export function endsClause(note: Note, at: number): boolean {
  for (let i = at; i < at + 3; i++) {
    if (i >= note.tokens.count || endsSentence(note, i) || isComma(note, i) || isNumber(note, i)) return true;
    if (!isClass(note, i, "agePadding") && !isClass(note, i, "approx")) return false;
  }
  return false;
}

/** Whether a clause begins at the token, or a word before it that belongs to an age. */
export function begins(note: Note, at: number): boolean {
  const before = at - 1;
  const padding = isClass(note, before, "agePadding") || isClass(note, before, "approx");
  return before < 0 || endsSentence(note, before) || isComma(note, before) || padding;
}

/**
 * Whether nothing but words of an age stands between the start of the clause, or a person, and the token: 已经快六个月了. 了 before it
 * ends a verb, so that 吃了快一个月 is how long.
 */
export function startsClause(note: Note, at: number): boolean {
  for (let i = at - 1; i >= at - 5; i--) {
    if (i < 0 || endsSentence(note, i) || isComma(note, i) || isClass(note, i, "person")) return true;
    if (!isClass(note, i, "agePadding") || termAt(note, i)!.spelling === "了") return false;
  }
  return false;
}
