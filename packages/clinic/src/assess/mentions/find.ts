import { isLetter } from "../../lexicon/index.ts";
import { type Sentence, sentencesOf } from "./sentences.ts";
import type { Mention, MentionStatus } from "./types.ts";
import type { Entry, Vocabulary } from "./vocabulary.ts";

/** A word of the vocabulary at a place of a sentence. */
interface Hit {
  readonly start: number;
  readonly end: number;
  /** Index of its clause in the sentence. */
  readonly clause: number;
  readonly entry: Entry;
  status: MentionStatus;
}

/** Of two statuses the stronger one holds. */
const strength: Readonly<Record<MentionStatus, number>> = {
  present: 0,
  past: 1,
  family: 2,
  asked: 3,
  possible: 4,
  absent: 5,
};

/** Characters between an adjacent cue and its finding. */
const nearby = 3;

/**
 * Finds the findings that a note names, each with its status, in the order of the text. Time in proportion to the note: a sentence is
 * bounded, and within it each cue goes back no further than the cue before it.
 */
export function findMentions(text: string, vocabulary: Vocabulary): Mention[] {
  const codes = vocabulary.normalize(text);
  const mentions: Mention[] = [];
  let section: MentionStatus = "present";
  let unanswered: Hit[] = [];
  for (const sentence of sentencesOf(codes)) {
    if (unanswered.length > 0) {
      if (saysYes(codes, sentence, vocabulary)) for (const hit of unanswered) hit.status = "present";
      flush(unanswered, mentions);
      unanswered = [];
    }
    const hits = hitsOf(codes, sentence, vocabulary);
    const heading = headingOf(codes, sentence, hits);
    if (heading !== undefined) section = heading === "current" ? "present" : heading;
    else if (sentence.opensLine && opensUnknownSection(codes, sentence)) section = "present";
    else if (section !== "present" && beginsWithVitals(codes, sentence)) section = "present";
    judge(codes, sentence, hits);
    for (const hit of hits) raise(hit, section);
    if (hits.some(({ status, entry }) => status === "asked" && entry.targets.length > 0)) unanswered = hits;
    else flush(hits, mentions);
  }
  flush(unanswered, mentions);
  return mentions;
}

function flush(hits: readonly Hit[], mentions: Mention[]): void {
  for (const { start, end, status, entry } of hits)
    for (const { code } of entry.targets) mentions.push({ code, start, end, status });
}

function raise(hit: Hit, status: MentionStatus): void {
  if (strength[status] > strength[hit.status]) hit.status = status;
}

function hitsOf(codes: Uint16Array, { start, end, clauses }: Sentence, { trie, entries }: Vocabulary): Hit[] {
  const hits: Hit[] = [];
  let clause = 0;
  for (let at = start; at < end; ) {
    while (at >= clauses[clause]) clause++;
    const startsWord = !(isLetter(codes[at]) && isLetter(codes[at - 1] ?? 0));
    const found = startsWord ? trie.longest(codes, at) : -1;
    if (found < 0 || trie.end > end) {
      at++;
      continue;
    }
    hits.push({ start: at, end: trie.end, clause, entry: entries[found], status: "present" });
    at = trie.end;
  }
  return hits;
}

/** The section that a sentence opens: a heading of the lists, then a colon (a comma may stand between). */
function headingOf(codes: Uint16Array, { start }: Sentence, hits: readonly Hit[]): Entry["section"] {
  const [first] = hits;
  if (!first?.entry.section) return undefined;
  for (let at = start; at < first.start; at++)
    if (codes[at] !== 0x20 && codes[at] !== 0x2c && codes[at] !== 0x5b) return undefined;
  let at = first.end;
  while (codes[at] === 0x20 || codes[at] === 0x2c || codes[at] === 0x5d) at++;
  return codes[at] === 0x3a ? first.entry.section : undefined;
}

/** A line that begins with a heading which no list knows ends the section before it. */
function opensUnknownSection(codes: Uint16Array, { start, end }: Sentence): boolean {
  const last = Math.min(end, start + 28);
  for (let at = start; at < last; at++) {
    if (codes[at] === 0x3a) return at > start + 1;
    if (codes[at] === 0x2c || (codes[at] >= 0x30 && codes[at] <= 0x39)) return false;
  }
  return false;
}

/** Vital signs are today's: a sentence that begins with one ends a history that went on in the same line. */
function beginsWithVitals(codes: Uint16Array, { start }: Sentence): boolean {
  const head = String.fromCharCode(...codes.subarray(start, start + 16));
  return /^[ ,]*(?:t|p|r|hr|rr|bp|spo2|体温|心率|脉搏|呼吸|血氧|temp|pulse)[ :=]*\d/i.test(head);
}

/** Gives every hit of a sentence its status by the cues around it. */
function judge(codes: Uint16Array, sentence: Sentence, hits: readonly Hit[]): void {
  /** Of each kind of cue that reaches forward, the clause it was said in; −1 none. */
  let clauseStatus: { status: MentionStatus; clause: number } | undefined;
  let list: { status: MentionStatus; clause: number } | undefined;
  let possible = false;
  let past = false;
  const asks = sentence.asked || endsAsking(codes, sentence);
  for (const [i, hit] of hits.entries()) {
    const { entry } = hit;
    if (clauseStatus && clauseStatus.clause !== hit.clause) clauseStatus = undefined;
    if (entry.targets.length > 0) {
      if (clauseStatus) raise(hit, clauseStatus.status);
      if (list && (list.clause === hit.clause || !entry.targets[0].adjective)) raise(hit, list.status);
      if (possible) raise(hit, "possible");
      if (past) raise(hit, "past");
    }
    if (entry.resume) past = false;
    if (entry.stop) {
      list = undefined;
      if (clauseStatus?.status === "absent" || clauseStatus?.status === "family") clauseStatus = undefined;
    }
    for (const cue of entry.cues) {
      // 嗜睡，需要去医院吗？ asks for advice and supposes nothing.
      if (cue.side === "after" && cue.reach === "sentence" && asks) continue;
      if (cue.side === "after") applyBack(codes, sentence, hits, i, cue.reach, cue.status);
      else if (cue.reach === "list") list = { status: cue.status, clause: hit.clause };
      else if (cue.reach === "clause") clauseStatus = { status: cue.status, clause: hit.clause };
      else if (cue.status === "possible") possible = true;
      else if (cue.status === "past") past = true;
    }
  }
  if (asks) markAsked(sentence, hits);
}

function applyBack(
  codes: Uint16Array,
  { clauses }: Sentence,
  hits: readonly Hit[],
  i: number,
  reach: string,
  status: MentionStatus,
): void {
  const cue = hits[i];
  for (let j = i - 1; j >= 0; j--) {
    const hit = hits[j];
    if (reach === "adjacent" || reach === "last") {
      if (reach === "last" && !isBlank(codes, cue.end, clauses[cue.clause])) return;
      if (hit.clause !== cue.clause || !isNear(codes, hit.end, cue.start)) return;
      if (hit.entry.targets.length === 0) return;
      raise(hit, status);
      return;
    }
    if (reach === "tail") {
      // 无寒战，抽搐等: a list that was denied goes on to its 等.
      if (!deniedBefore(hits, j)) return;
      raise(hit, "absent");
      return;
    }
    if (reach === "clause" && hit.clause !== cue.clause) return;
    // A cue of the same kind has been here.
    if (hit.entry.cues.some((other) => other.side === "after" && other.status === status && other.reach === reach))
      return;
    if (hit.entry.targets.length > 0) raise(hit, status);
  }
}

/** Between a finding and a cue that touches it: at most a few characters, and no word of another kind (惊厥: 无). */
function isNear(codes: Uint16Array, from: number, to: number): boolean {
  if (to - from > nearby) return false;
  for (let at = from; at < to; at++) if (codes[at] !== 0x20 && codes[at] !== 0x3a && codes[at] !== 0x28) return false;
  return true;
}

function isBlank(codes: Uint16Array, from: number, to: number): boolean {
  for (let at = from; at < Math.min(to, from + nearby); at++)
    if (codes[at] !== 0x20 && codes[at] !== 0x29) return false;
  return to - from <= nearby;
}

/** Whether the finding before was denied in the clause just before this one's. */
function deniedBefore(hits: readonly Hit[], at: number): boolean {
  for (let j = at - 1; j >= 0 && hits[at].clause - hits[j].clause <= 1; j--)
    if (hits[j].entry.targets.length > 0) return hits[j].status === "absent";
    else if (hits[j].entry.cues.some(({ status, side }) => status === "absent" && side === "before")) return true;
  return false;
}

/** 抽搐了没: a sentence without a mark that asks all the same. */
function endsAsking(codes: Uint16Array, { start, end }: Sentence): boolean {
  let last = end - 1;
  while (last > start && codes[last] === 0x20) last--;
  const code = codes[last];
  return code === 0x5417 || code === 0x4e48; // 吗 么
}

/** The last clause of a question is asked, unless it asks for something else than whether (抽搐怎么办？). */
function markAsked({ clauses }: Sentence, hits: readonly Hit[]): void {
  const last = clauses.length - 1;
  if (hits.some(({ clause, entry }) => clause === last && entry.wh)) return;
  for (const hit of hits) if (hit.clause === last && hit.entry.targets.length > 0) raise(hit, "asked");
}

/** Whether a sentence begins as a yes does. */
function saysYes(codes: Uint16Array, { start, end }: Sentence, { yes }: Vocabulary): boolean {
  let from = start;
  while (from < end && codes[from] === 0x20) from++;
  let text = "";
  for (let at = from; at < Math.min(end, from + 4); at++) {
    text += String.fromCharCode(codes[at]);
    if (!yes.has(text)) continue;
    const next = codes[at + 1];
    // 有没有 and 是不是 are no yes.
    if (next !== 0x6ca1 && next !== 0x4e0d && !isLetter(next ?? 0)) return true;
  }
  return false;
}
