import { personBefore } from "./clause.ts";
import { durationsAmong, settleAges } from "./course.ts";
import { statusByCues, type Told, window } from "./cues.ts";
import { answersQuestion, isAnswered, isBirthWeight, isConfirmed, isEcho } from "./dialogue.ts";
import type { Finding } from "./finding.ts";
import type { Status } from "./item.ts";
import { endsSentence, isClass, isComma, type Note, punctuationAt } from "./note.ts";
import { sectionsOf } from "./sections.ts";

/**
 * Tells whose measurement each finding is, and when: by the cues around it, else by its section. Undefined for what turns out to be no
 * age but how long something lasted.
 */
export function assignStatus(note: Note, findings: readonly Finding[]): (Status | undefined)[] {
  const sections = sectionsOf(note);
  let section = 0;
  const statuses: Status[] = [];
  const said = new Set<string>();
  for (const [i, finding] of findings.entries()) {
    if (finding.reference) {
      statuses.push("other");
      continue;
    }
    while (section + 1 < sections.length && sections[section + 1].from <= finding.from) section++;
    const value = `${finding.code} ${finding.low} ${finding.high}`;
    const told: Told = { said: said.has(value) };
    const cued =
      (!told.said && isAskedAge(note, finding) ? "other" : undefined) ??
      statusByCues(note, finding, told) ??
      statusOfQuestion(note, finding) ??
      statusInRow(note, findings, statuses, i) ??
      (i > 0 && isEcho(note, findings[i - 1], finding) ? statuses[i - 1] : undefined) ??
      (i > 0 && statuses[i - 1] === "past" && isOfThatAge(note, findings[i - 1], finding) ? "past" : undefined);
    const status = cued ?? statusInTurn(note, finding) ?? sections[section].status;
    if (status === "current") said.add(value);
    statuses.push(status);
  }
  const answered = statuses.map((status, i) => {
    const asked = status === "other" && isAnswered(note, findings[i], findings.slice(i + 1, i + 4));
    return asked ? "current" : status;
  });
  const lasts = durationsAmong(findings, answered);
  return settleAges(
    findings,
    answered.map((status, i) => (lasts.has(i) ? undefined : status)),
  );
}

/** 宝宝4岁？ without a yes on the next line: what a doctor supposes. */
function isAskedAge(note: Note, { code, to }: Finding): boolean {
  if (code !== "30525-0") return false;
  const at = isClass(note, to, "agePadding") ? to + 1 : to;
  return punctuationAt(note, at) === 0x3f && !isConfirmed(note, to);
}

/** What the turns before say where the words around are silent. */
function statusInTurn(note: Note, finding: Finding): Status | undefined {
  if (isBracket(note, finding) || answersQuestion(note, finding, "generalQuestion")) return "other";
  const earlier =
    finding.code === "30525-0" ? answersQuestion(note, finding, "whenQuestion") : isBirthWeight(note, finding);
  return earlier ? "past" : undefined;
}

/** In months: 1-3岁 is a bracket of ages, no child's. */
const widest = 12;

/** Whether a range of ages is so wide, and of nobody who is named before, that a dose or a statement of all such children follows. */
function isBracket(note: Note, { code, low, high, from }: Finding): boolean {
  return (
    code === "30525-0" && high - low >= widest && Number.isNaN(note.tokens.high[from]) && !personBefore(note, from)
  );
}

/** 一个多月的时候是十一斤: a value right after the age that the child had then. */
function isOfThatAge(note: Note, before: Finding, finding: Finding): boolean {
  if (before.code !== "30525-0" || finding.code === before.code || finding.from - before.to > 10) return false;
  for (let at = before.to; at < finding.from; at++) if (endsSentence(note, at)) return false;
  return true;
}

/** The cues of the question that the finding answers: "weight at birth?" on the line before. */
function statusOfQuestion(note: Note, finding: Finding): Status | undefined {
  const { nameAt, from } = finding;
  // A name far back, at the head of a long row, asks nothing.
  if (from - nameAt > window) return undefined;
  for (let at = nameAt + 1; at < from; at++)
    if (endsSentence(note, at))
      return statusByCues(note, { ...finding, from: nameAt + 1, to: nameAt + 1 }, { answered: true });
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
