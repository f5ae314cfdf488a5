import { readAge } from "./age.ts";
import { bindParts, bindPressure, pressureBefore } from "./bind-parts.ts";
import { askAge, type Binding, emit, fit, fitAlike, spend } from "./binding.ts";
import { createLabel, type Label, reach } from "./label.ts";
import { isClass, isComma, termAt } from "./note.ts";
import { type Part, type Quantity, readQuantity } from "./quantity.ts";
import { type Reading, read } from "./reading.ts";
import { afterDate, isClock, isEnumerator, isFactor, isShareOf } from "./skip.ts";
import { amongResults, followsDirectly, isRemeasured, listFollows } from "./surroundings.ts";
import { Written } from "./tokens.ts";
import { inHan, isChange, isNotBody, readAlone, readOnOxygen, readUnlabelled } from "./unnamed.ts";

/** Takes the number phrase at a token, and gives the token after it. */
export function bindNumber(binding: Binding, at: number): number {
  const { note, label } = binding;
  if (isEnumerator(note, at)) return at + 1;
  if (isClock(note, at)) return at + 3;
  if (isClass(note, at - 1, "month")) return afterDate(note, at);
  const q = readQuantity(note, at, { change: at - binding.change <= 2, between: at - binding.between <= 2 });
  // 体重多少⏎有13.2身高65: the answer comes first.
  const answers = binding.asked !== undefined && binding.lineCost <= 0.5 && termAt(note, q.to)?.foreign === true;
  if (!answers && !waitsFor(binding, label, q)) {
    const after = bindAfter(binding, q);
    if (after > 0) return after;
  }
  const asked = { age: binding.ageLines > 0, unit: binding.ageUnit, duration: binding.durationLines > 0 };
  const age = readAge(note, q, binding.findings, asked, label);
  if (age) {
    binding.findings.push(age);
    // 是一岁吗: the next age answers.
    if (isClass(note, q.to, "questionEnd") || note.codes[note.tokens.end[q.to - 1]] === 0x3f) askAge(binding);
    else binding.ageLines = 0;
  } else if (!q.date && !isShareOf(note, q.to) && !isFactor(note, q) && !isWordOnly(binding, q))
    bindQuantity(binding, label, q);
  return q.to;
}

/** Whether a name before the number waits for one such as this. */
function waitsFor({ note }: Binding, label: Label | undefined, q: Quantity): boolean {
  if (!label || label.spent || label.cost > 2.6) return false;
  if (label.strength !== "name" && !(label.strength === "hint" && label.cost < 0.5)) return false;
  return label.observations.some((i) => read(note.lexicon.observations[i], q.parts[0], q.decimals));
}

/** 一, "one": no number without a unit. */
function isWordOnly({ note: { tokens } }: Binding, q: Quantity): boolean {
  if (q.unit || q.written === Written.digits) return false;
  return q.written === Written.english || tokens.end[q.to - 1] - tokens.start[q.from] < 2;
}

/** Tries what a number may be, the surest first. */
function bindQuantity(binding: Binding, label: Label | undefined, q: Quantity): void {
  const { note, asked, recent } = binding;
  if (label && !(label.spent && label.observations.length === 0) && bindTo(binding, label, q)) return;
  if (label?.before && bindTo(binding, { ...label.before, spent: false, cost: label.cost }, q)) return;
  if ((q.unit?.unit === "mm[Hg]" || pressureBefore(binding, q)) && bindPressure(binding, undefined, q)) return;
  const free = !label || label.spent;
  if (asked && free && binding.lineCost <= 2 && bindTo(binding, { ...asked, cost: 0, strength: "asked" }, q)) {
    binding.asked = undefined;
    return;
  }
  const goesOn = recent && (!label || label.strength === "hint") && isRemeasured(note, q.from);
  if (goesOn && bindTo(binding, { ...recent, cost: 0 }, q)) return;
  const unnamed =
    readAlone(note, q, label) ??
    readOnOxygen(note, q, label) ??
    readUnlabelled(note, q, label, binding.lineCost, binding.findings.at(-1)?.code);
  if (unnamed) {
    const named = createLabel([unnamed.observation], q.from, { strength: "hint" });
    emit(binding, undefined, unnamed, q);
    named.last = unnamed.reading.low;
    named.lastUnit = q.unit;
    spend(binding, named);
  } else if (label && label.observations.length === 0) label.spent = true;
}

/** Binds a number to a name before it, if it may be the name's. */
function bindTo(binding: Binding, label: Label, q: Quantity): boolean {
  const { note } = binding;
  const explicit = q.unit !== undefined && !q.unit.unit.startsWith("{") && q.unit.unit !== "deg";
  const continued = label.spent && (isClass(note, q.from - 1, "compare") || isClass(note, q.from - 1, "change"));
  if (label.cost > reach(label, explicit) + (continued ? 1.2 : 0)) return false;
  // 六六 in idle talk is no pulse: a number in words stands right by its name, or has a unit.
  if (q.written !== Written.digits && !q.unit && label.cost > 1) return false;
  const plain = explicit || (q.decimals === 1 && q.parts[0].low >= 35);
  if (label.strength === "short" && !plain && !amongResults(note, label, binding.findings)) return false;
  if (q.parts.length > 1) return bindParts(binding, label, q);
  if (label.waiting.length > 0 && !label.spent && listFollows(note, q.to)) return bindFirst(binding, label, q);
  const part = clockless(label, q);
  const found = fitAlike(binding, label, part, q) ?? fit(binding, label, part, q);
  if (!found) return false;
  const { code } = note.lexicon.observations[found.observation];
  if (code === "8310-5" && q.unit && isNotBody(note, q)) return false;
  // An age in units of time is read, or was refused, by readAge.
  if (code === "30525-0" && q.unit?.age !== undefined) return false;
  const weightless =
    code === "29463-7" &&
    (isChange(note, q) || (!q.unit && (q.written === Written.han || isDateAfter(note, label, q))));
  if (!weightless && !isRepeated(binding, label, found.reading, q))
    emit(binding, label, found, q, isReference(binding, label, found.reading, q));
  if (!weightless) label.last = found.reading.low;
  if (q.unit && !weightless) label.lastUnit = q.unit;
  spend(binding, label);
  return true;
}

/** 20斤，5.18出现腹泻: a number without a unit, after a comma, where the weight had one. */
function isDateAfter(note: Binding["note"], label: Label, q: Quantity): boolean {
  return label.spent && label.lastUnit !== undefined && isComma(note, q.from - 1) && inHan(note, q.from);
}

/** The first of several names takes the first of a row of numbers: "hemoglobin and hematocrit 15.3 and 46.5". */
function bindFirst(binding: Binding, label: Label, q: Quantity): boolean {
  const [first, ...rest] = [...label.waiting, label];
  const found = fit(binding, first, q.parts[0], q);
  if (!found) return false;
  emit(binding, first, found, q);
  binding.label = { ...rest.at(-1)!, waiting: rest.slice(0, -1) };
  return true;
}

/** 38.9°C (102°F): the same measurement again, in another unit. */
function isRepeated({ depth }: Binding, label: Label, { low, high }: Reading, q: Quantity): boolean {
  if (depth === 0 || !label.spent || low < high || !q.unit) return false;
  return Math.abs(low - label.last) <= 0.02 * Math.abs(label.last);
}

/** A range, or a limit, in brackets or right after a value. */
function isReference({ note, depth }: Binding, label: Label, { low, high }: Reading, q: Quantity): boolean {
  if (!label.spent || Number.isNaN(label.last)) return false;
  if (low < high) return depth > 0 || followsDirectly(note, q.from);
  return depth > 0 && isClass(note, q.from - 1, "less");
}

/** A name after its number: "82 neutrophils". Gives the token after it, or 0. */
function bindAfter(binding: Binding, q: Quantity): number {
  const term = termAt(binding.note, q.to);
  if (!term || q.parts.length > 1 || (q.unit && q.unit.unit !== "%")) return 0;
  const label = createLabel(term.foreign ? [] : term.after, q.to);
  const found = term.foreign ? undefined : fit(binding, label, q.parts[0], q);
  if (!term.foreign && !found) return 0;
  if (found) emit(binding, label, found, q);
  spend(binding, label);
  return q.to + 1;
}

/** 17点多 after a name is 17, not five in the afternoon; 发烧39.5滴了鼻子 counts no drops. */
function clockless(label: Label, { parts: [part], decimals }: Quantity): Part {
  const counted = part.unit?.unit === "{count}" && decimals === 1 && part.low >= 36 && part.high < 43;
  if (counted && label.cost < 1) return { ...part, unit: undefined };
  return part.unit?.unit === "{clock}" && !label.spent && label.strength === "name" && label.cost < 1
    ? { ...part, unit: undefined }
    : part;
}
