import { measures } from "../codes/index.ts";
import { isOf, type Term } from "../lexicon/index.ts";
import { readAge, readAgeWord } from "./age.ts";
import { createLabel, type Label, reach } from "./label.ts";
import { endsSentence, isClass, isComma, isNumber, type Note, punctuationAt, termAt } from "./note.ts";
import { type Part, type Quantity, readQuantity } from "./quantity.ts";
import { type Reading, read } from "./reading.ts";
import { Specimen } from "./specimen.ts";
import { Kind, Written } from "./tokens.ts";
import { isChange, readAlone, readOnOxygen, readUnlabelled } from "./unnamed.ts";

/** A number bound to what it measures, before its status is known. */
export interface Finding {
  readonly code: string;
  readonly low: number;
  readonly high: number;
  /** Tokens, `to` exclusive. */
  readonly from: number;
  readonly to: number;
  /** Token of the name; `from` if there is none. */
  readonly nameAt: number;
  /** stated: named. inferred: from the unit, the size or a question. */
  readonly basis: "stated" | "inferred";
  /** A range in parentheses after a value. */
  readonly reference: boolean;
  /** Whether a unit stands with it. */
  readonly printed: boolean;
}

const [open, close, bar, bracket] = ["(", ")", "|", "["].map((character) => character.charCodeAt(0));

/** How many lines a question waits for its answer. */
const patience = 3;

/** Binds the numbers of a note to measurements, in one pass from left to right. */
export function bind(note: Note): Finding[] {
  const { tokens, lexicon } = note;
  const findings: Finding[] = [];
  const specimen = new Specimen(note);
  const state = {
    label: undefined as Label | undefined,
    asked: undefined as Label | undefined,
    recent: undefined as Label | undefined,
    askedLines: 0,
    ageLines: 0,
  };
  let depth = 0;
  let change = -9;
  let between = -9;
  let questioned = false;
  let lineCost = 0;

  const emit = (
    label: Label | undefined,
    observation: number,
    reading: Reading,
    q: Quantity,
    reference = false,
  ): void => {
    const { code } = lexicon.observations[observation];
    findings.push({
      ...{ code, low: reading.low, high: reading.high, from: q.from, to: q.to },
      nameAt: label?.at ?? q.from,
      basis: label && label.strength !== "asked" && label.strength !== "hint" ? "stated" : "inferred",
      reference,
      printed: q.unit !== undefined,
    });
  };

  /** The first observation of the label that the part fits. */
  const fit = (label: Label, part: Part, q: Quantity): { observation: number; reading: Reading } | undefined => {
    for (const observation of label.observations) {
      const entry = lexicon.observations[observation];
      const { unit } = measures.get(entry.code)!;
      if (label.mark === "percent" && unit !== "%" && label.observations.length > 1) continue;
      if (label.mark === "count" && unit === "%" && label.observations.length > 1) continue;
      const reading = read(entry, part, q.decimals);
      if (reading && !(entry.specimen === "blood" && specimen.excludes(part, q))) return { observation, reading };
    }
    return undefined;
  };

  /** Without a printed unit, one of a row is in the unit of the others: "150 pounds, up from 145", "22 to 25 pounds". */
  const fitAlike = (label: Label, part: Part, q: Quantity): ReturnType<typeof fit> => {
    if (part.unit) return undefined;
    const unit = label.spent ? label.lastUnit : unitOfNext(note, q.to);
    if (!unit) return undefined;
    const found = fit(label, { ...part, unit }, q);
    const alike =
      found && (Number.isNaN(label.last) || (found.reading.low < label.last * 3 && found.reading.low > label.last / 3));
    return alike ? found : undefined;
  };

  const bindTo = (label: Label, q: Quantity): boolean => {
    const explicit = q.unit !== undefined && !q.unit.unit.startsWith("{") && q.unit.unit !== "deg";
    const continued = label.spent && (isClass(note, q.from - 1, "compare") || isClass(note, q.from - 1, "change"));
    if (label.cost > reach(label, explicit) + (continued ? 1.2 : 0)) return false;
    if (
      label.strength === "short" &&
      !amongResults(note, label, findings, explicit || (q.decimals === 1 && q.parts[0].low >= 35))
    )
      return false;
    if (q.parts.length > 1) return bindParts(label, q);
    const row = [...label.waiting, label];
    if (row.length > 1 && !label.spent && listFollows(note, q.to)) {
      const [first, ...rest] = row;
      const found = fit(first, q.parts[0], q);
      if (!found) return false;
      emit(first, found.observation, found.reading, q);
      const last = rest.at(-1)!;
      state.label = { ...last, waiting: rest.slice(0, -1) };
      return true;
    }
    const part = clockless(label, q);
    const found = fitAlike(label, part, q) ?? fit(label, part, q);
    if (!found) return false;
    const { reading } = found;
    const { code } = lexicon.observations[found.observation];
    if (code === "29463-7" && (isChange(note, q) || (q.unit === undefined && q.written === Written.han))) {
      spend(label);
      return true;
    }
    const inside = depth > 0 && label.spent;
    const isRange = reading.high > reading.low;
    if (inside && !isRange && Math.abs(reading.low - label.last) <= 0.02 * Math.abs(label.last) && q.unit) {
      // 38.9°C (102°F): the same measurement again.
    } else {
      const reference =
        label.spent && isRange && (depth > 0 || followsDirectly(note, q.from)) && !Number.isNaN(label.last);
      emit(label, found.observation, reading, q, reference || (inside && isClass(note, q.from - 1, "less")));
    }
    label.last = reading.low;
    if (q.unit) label.lastUnit = q.unit;
    spend(label);
    return true;
  };

  const bindParts = (label: Label, q: Quantity): boolean => {
    const codes = label.observations.map((i) => lexicon.observations[i].code);
    const row = [...label.waiting, label];
    if (row.length === q.parts.length && !label.spent) {
      const found = row.map((one, i) => fit(one, q.parts[i], q));
      if (found.every((one) => one !== undefined)) {
        for (const [i, one] of found.entries()) emit(row[i], one.observation, one.reading, q);
        spend(label);
        return true;
      }
    }
    if (codes.includes("2744-1") && q.parts.length >= 3 && !q.date) {
      for (const [i, code] of ["2744-1", "2019-8", "2703-7"].entries()) {
        const observation = lexicon.observations.findIndex((entry) => entry.code === code);
        const reading = read(lexicon.observations[observation], q.parts[i], q.parts[i].low % 1 === 0 ? 0 : 1);
        if (reading) emit(label, observation, reading, q);
      }
      spend(label);
      return true;
    }
    if (label.pair && emitPressure(label, q)) {
      spend(label);
      return true;
    }
    if (codes[0] !== "8310-5" && codes[0] !== "29463-7") return false;
    const found = fit(label, q.parts[0], q);
    if (found) emit(label, found.observation, found.reading, q);
    spend(label);
    return found !== undefined;
  };

  const emitPressure = (label: Label | undefined, q: Quantity): boolean => {
    if (q.parts.length !== 2 || q.date) return false;
    const [systolic, diastolic] = ["8480-6", "8462-4"].map((code, i) => {
      const observation = lexicon.observations.findIndex((entry) => entry.code === code);
      const unit = q.unit?.unit === "kPa" || q.unit?.unit === "mm[Hg]" ? q.unit : undefined;
      return { observation, reading: read(lexicon.observations[observation], { ...q.parts[i], unit }, 0) };
    });
    if (!systolic.reading || !diastolic.reading || systolic.reading.high <= diastolic.reading.low) return false;
    emit(label, systolic.observation, systolic.reading, q);
    emit(label, diastolic.observation, diastolic.reading, q);
    return true;
  };

  const pressureBefore = (at: number): boolean => {
    const last = findings.slice(-6).findLast(({ code }) => code === "8462-4");
    return last !== undefined && at - last.to <= 30;
  };

  const spend = (label: Label): void => {
    label.spent = true;
    label.cost = 0;
    state.label = label;
  };

  /** A name after its number: "82 neutrophils". Gives the token after it, or 0. */
  const bindAfter = (q: Quantity): number => {
    const term = termAt(note, q.to);
    if (!term || q.parts.length > 1 || (q.unit && q.unit.unit !== "%")) return 0;
    if (term.foreign) {
      state.label = createLabel([], q.to);
      state.label.spent = true;
      return q.to + 1;
    }
    if (term.after.length === 0) return 0;
    const label = createLabel(term.after, q.to);
    const found = fit(label, q.parts[0], q);
    if (!found) return 0;
    emit(label, found.observation, found.reading, q);
    spend(label);
    return q.to + 1;
  };

  const number = (at: number): number => {
    if (isEnumerator(note, at)) return at + 1;
    if (isClass(note, at - 1, "month")) return afterDate(note, at);
    const q = readQuantity(note, at, { change: at - change <= 2, between: at - between <= 2 });
    const { label } = state;
    const busy = label !== undefined && !label.spent && label.cost <= 2.6;
    const fitting =
      busy &&
      label.strength === "name" &&
      label.observations.some((i) => read(lexicon.observations[i], q.parts[0], q.decimals));
    if (!fitting || label.observations.length === 0) {
      const after = bindAfter(q);
      if (after > 0) return after;
    }
    const age = readAge(note, q, findings, state.ageLines > 0, label);
    if (age) {
      findings.push(age);
      state.ageLines = 0;
      return q.to;
    }
    if (q.date || isShareOf(note, q.to)) return q.to;
    const worded =
      q.written !== Written.digits && q.unit === undefined && note.tokens.end[q.to - 1] - note.tokens.start[q.from] < 2;
    if (worded || (q.written === Written.english && q.unit === undefined)) return q.to;
    if (label && !(label.spent && label.observations.length === 0) && bindTo(label, q)) return q.to;
    if (label?.before && bindTo({ ...label.before, spent: false, cost: label.cost }, q)) return q.to;
    if ((q.unit?.unit === "mm[Hg]" || pressureBefore(q.from)) && emitPressure(undefined, q)) return q.to;
    if (
      state.asked &&
      lineCost <= 2 &&
      (!label || label.spent) &&
      bindTo({ ...state.asked, cost: 0, strength: "asked" }, q)
    ) {
      state.asked = undefined;
      return q.to;
    }
    if (
      state.recent &&
      (!label || label.strength === "hint") &&
      isRemeasured(note, q.from) &&
      bindTo({ ...state.recent, cost: 0 }, q)
    )
      return q.to;
    const alone = readAlone(note, q, label) ?? readOnOxygen(note, q, label) ?? readUnlabelled(note, q, label, lineCost);
    if (alone) {
      const named = createLabel([alone.observation], q.from, { strength: "hint" });
      emit(undefined, alone.observation, alone.reading, q);
      named.last = alone.reading.low;
      spend(named);
      return q.to;
    }
    if (label && label.observations.length === 0 && !label.spent) label.spent = true;
    return q.to;
  };

  const name = (at: number, term: Term): void => {
    if (term.row) {
      const labels = term.row.map((observation) => createLabel([observation], at));
      state.label = { ...labels.at(-1)!, waiting: labels.slice(0, -1) };
      return;
    }
    const near = term.contextual
      .filter(({ near: wanted }) => standsNear(note, at, wanted))
      .map(({ observation }) => observation);
    const names = [...term.names, ...near];
    const { label } = state;
    if (names.length > 0) {
      const joins = label !== undefined && !label.spent && label.strength === "name" && label.observations.length > 0;
      const waiting = joins && linked(note, label.at, at) ? [...label.waiting, label] : [];
      state.label = createLabel(names, at, { pair: term.pair, waiting: waiting.slice(-3) });
      return;
    }
    if (term.foreign) {
      state.label = createLabel([], at);
      return;
    }
    if (term.short.length > 0 && numberFollows(note, at)) {
      state.label = createLabel(term.short, at, { strength: "short" });
      return;
    }
    if (term.pair && pairFollows(note, at)) {
      const pressure = lexicon.observations.findIndex(({ code }) => code === "8480-6");
      state.label = createLabel([pressure], at, { pair: true });
      return;
    }
    if (term.hints.length === 0) return;
    if (label && label.strength === "name" && !label.spent && (label.observations.length > 0 || label.cost < 0.5))
      return;
    const before = label?.spent && label.strength !== "hint" && label.observations.length > 0 ? label : label?.before;
    state.label = createLabel(term.hints, at, { strength: "hint", before });
  };

  const newSentence = (at: number): void => {
    const { label } = state;
    const line = tokens.kind[at] === Kind.line;
    if (line) {
      state.askedLines--;
      state.ageLines--;
      if (state.askedLines <= 0) state.asked = undefined;
    }
    const fresh = label && !label.spent && label.observations.length > 0 && label.strength !== "short";
    if (fresh && (questioned || label.cost < 0.1) && (label.strength === "name" || questioned)) {
      state.asked = label;
      state.askedLines = patience;
    }
    // "Temp. 98.6", and a name at the end of a line whose number stands on the next.
    if (fresh && label.at === at - 1) {
      if (line) label.cost += 0.5;
      return;
    }
    state.recent = label?.spent && label.observations.length > 0 ? label : undefined;
    state.label = undefined;
    if (line || punctuationAt(note, at) !== 0x2e) questioned = false;
    if (line) lineCost = 0;
  };

  for (let at = 0; at < tokens.count; ) {
    const kind = tokens.kind[at];
    if (kind === Kind.number) {
      at = number(at);
      continue;
    }
    if (endsSentence(note, at)) {
      if (punctuationAt(note, at) === 0x3f) questioned = true;
      depth = 0;
      specimen.endSentence(at);
      newSentence(at++);
      continue;
    }
    const { label } = state;
    let cost = 0;
    if (kind === Kind.term) {
      const term = termAt(note, at)!;
      const age = readAgeWord(note, at, term);
      if (age) findings.push(age);
      if (isOf(term, "question")) questioned = true;
      if (isOf(term, "ageQuestion")) state.ageLines = patience;
      if (isOf(term, "fromChange") && at - between > 3) change = at;
      if (isOf(term, "rangeVerb")) between = at;
      if (isOf(term, "rangeVerb")) change = -9;
      specimen.see(at, term);
      if (label?.spent && isOf(term, "remeasure")) label.cost = Math.min(label.cost, 0.3);
      if (label && isOf(term, "percentMark")) label.mark ??= "percent";
      if (label && isOf(term, "countMark") && !label.spent) label.mark = "count";
      if (label && isOf(term, "bloodGas") === false && isWordless(term)) cost = 1;
      name(at, term);
      if (state.label !== label) cost = 0;
    } else if (kind === Kind.word) cost = 1;
    else if (kind === Kind.han) cost = 0.4;
    else {
      const code = punctuationAt(note, at);
      if (code === open || code === bracket) depth++;
      else if (code === close || code === 0x5d) depth = Math.max(0, depth - 1);
      else if (isComma(note, at)) {
        cost = 0.5;
        // "platelet count is normal, 89% segments": the name has its result.
        if (label && !label.spent && at - label.at > 1 && isClass(note, at - 1, "qualified")) label.spent = true;
      } else if (code !== bar && code !== 0x3a && code !== 0x3d && code !== 0x2d) cost = 0.1;
    }
    if (state.label) state.label.cost += cost;
    lineCost += cost;
    at++;
  }
  return findings;
}

/** 1. 2. 3. of a list, 1、 or 1). */
function isEnumerator(note: Note, at: number): boolean {
  const { tokens } = note;
  if (tokens.decimals[at] > 0 || tokens.value[at] > 40 || tokens.written[at] !== Written.digits) return false;
  const code = punctuationAt(note, at + 1);
  const mark = code === 0x2e || code === 0x3001 || code === close;
  if (!mark || !endsAt(note, at)) return false;
  return code !== 0x3001 || !isNumber(note, at + 2);
}

/** Whether a sentence or a line ends just before, a comma after it or not (".,2. "). */
function endsAt(note: Note, at: number): boolean {
  if (at === 0 || endsSentence(note, at - 1)) return true;
  const separated =
    isComma(note, at - 1) || punctuationAt(note, at - 1) === 0x3a || punctuationAt(note, at - 1) === open;
  return (
    separated &&
    (at === 1 ||
      endsSentence(note, at - 2) ||
      isComma(note, at - 2) ||
      punctuationAt(note, at - 2) === 0x3a ||
      termAt(note, at - 2)?.section !== undefined ||
      punctuationAt(note, at + 1) === close)
  );
}

/** Past the day and the year that follow the name of a month. */
function afterDate(note: Note, at: number): number {
  const year = isComma(note, at + 1) ? at + 2 : at + 1;
  return isNumber(note, year) && note.tokens.value[year] > 1900 && note.tokens.value[year] < 2100 ? year + 1 : at + 1;
}

/** The unit of the number after "to": of both ends of "from 22 to 25 pounds". */
function unitOfNext(note: Note, at: number): Quantity["unit"] {
  if (!isClass(note, at, "rangeLink") || !isNumber(note, at + 1)) return undefined;
  return readQuantity(note, at + 1, { change: true, between: false, second: true }).unit;
}

/** 17点多 after a name is 17, not five in the afternoon. */
function clockless(label: Label, { parts: [part] }: Quantity): Part {
  return part.unit?.unit === "{clock}" && !label.spent && label.strength === "name" && label.cost < 1
    ? { ...part, unit: undefined }
    : part;
}

/** "13% of which": a share of the number before, no result. */
function isShareOf(note: Note, at: number): boolean {
  return (
    termAt(note, at)?.spelling === "of" &&
    ["which", "whom", "them", "these"].includes(termAt(note, at + 1)?.spelling ?? "")
  );
}

/** Whether a term says nothing about how a number belongs to a name, so that it stands between them as any word does. */
function isWordless(term: Term): boolean {
  return !(
    isOf(term, "bridge") ||
    isOf(term, "change") ||
    isOf(term, "approx") ||
    isOf(term, "compare") ||
    isOf(term, "percentMark") ||
    isOf(term, "countMark") ||
    isOf(term, "fever") ||
    isOf(term, "rangeVerb") ||
    isOf(term, "oxygen") ||
    isOf(term, "specimenBlood") ||
    isOf(term, "observed") ||
    isOf(term, "current") ||
    isOf(term, "informant") ||
    isOf(term, "person") ||
    isOf(term, "reference") ||
    term.hints.length > 0 ||
    term.unit !== undefined
  );
}

function numberFollows(note: Note, at: number): boolean {
  const code = punctuationAt(note, at + 1);
  const links = isClass(note, at + 1, "bridge") || isClass(note, at + 1, "compare");
  if (links && isNumber(note, at + 2) && note.codes[note.tokens.end[at]] === 0x20) return true;
  return (
    isNumber(note, at + 1) ||
    ((code === 0x3a || code === 0x3d || code === 0x2e || code === 0x2d) && isNumber(note, at + 2))
  );
}

/** "The highest has been 30": a sentence that goes on about the one before. */
function isRemeasured(note: Note, at: number): boolean {
  for (let i = at - 1; i >= at - 5 && i >= 0 && !endsSentence(note, i); i--)
    if (isClass(note, i, "superlative") || isClass(note, i, "remeasure")) return true;
  return false;
}

/** Whether systolic over diastolic stands within a few words. */
function pairFollows(note: Note, at: number): boolean {
  for (let i = at + 1; i <= at + 4; i++)
    if (isNumber(note, i)) return punctuationAt(note, i + 1) === 0x2f && isNumber(note, i + 2);
  return false;
}

/** Whether a row of numbers goes on: "15.3 and 46.5". */
function listFollows(note: Note, at: number): boolean {
  const link = isComma(note, at) || isClass(note, at, "and") || punctuationAt(note, at) === 0x2f;
  return (
    (link && isNumber(note, at + 1)) || (isComma(note, at) && isClass(note, at + 1, "and") && isNumber(note, at + 2))
  );
}

/** Whether only "and" or a slash stands between two names. */
function linked(note: Note, first: number, second: number): boolean {
  if (second - first > 3 || second - first < 2) return false;
  for (let i = first + 1; i < second; i++) {
    const link = isClass(note, i, "and") || punctuationAt(note, i) === 0x2f || isComma(note, i);
    if (!link) return false;
  }
  return true;
}

/** Whether nothing but a bracket, an arrow or a unit stands before a number since the last: a reference range in a table. */
function followsDirectly(note: Note, at: number): boolean {
  const before = at - 1;
  return isNumber(note, before) || termAt(note, before)?.unit !== undefined || punctuationAt(note, before) === bar;
}

function standsNear(note: Note, at: number, wanted: Parameters<typeof isClass>[2]): boolean {
  for (let i = at - 1; i >= Math.max(0, at - 14) && note.tokens.kind[i] !== Kind.line; i--)
    if (isClass(note, i, wanted)) return true;
  for (let i = at + 1; i < at + 12 && !endsSentence(note, i) && i < note.tokens.count; i++)
    if (isClass(note, i, wanted)) return true;
  return false;
}

/** Whether a letter that may be a name (T, P, R, N) stands among other results. */
function amongResults(note: Note, label: Label, findings: readonly Finding[], explicit: boolean): boolean {
  if (explicit) return true;
  const last = findings.at(-1);
  if (last && label.at - last.to <= 8) return true;
  for (let i = label.at + 2; i < label.at + 10; i++) {
    const term = termAt(note, i);
    if (term && (term.names.length > 0 || (term.short.length > 0 && numberFollows(note, i)))) return true;
  }
  return false;
}
