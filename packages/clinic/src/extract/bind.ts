import { isOf, type Term, type WordClass } from "../lexicon/index.ts";
import { readAgeWord } from "./age.ts";
import { bindName } from "./bind-name.ts";
import { bindNumber } from "./bind-number.ts";
import { askAge, type Binding, createBinding, patience } from "./binding.ts";
import type { Finding } from "./finding.ts";
import { endsSentence, isClass, isComma, type Note, punctuationAt, termAt } from "./note.ts";
import { Kind } from "./tokens.ts";

const question = "?".charCodeAt(0);
const opening: ReadonlySet<number> = new Set(["(", "["].map((character) => character.charCodeAt(0)));
const closing: ReadonlySet<number> = new Set([")", "]"].map((character) => character.charCodeAt(0)));
/** Punctuation that belongs between a name and its number. */
const linking: ReadonlySet<number> = new Set(["|", ":", "=", "-"].map((character) => character.charCodeAt(0)));

/** What stands between a name and its number, in words that have nothing to do with either. */
const costs = { word: 1, han: 0.4, comma: 0.5, punctuation: 0.1, line: 0.5 } as const;

/** Binds the numbers of a note to measurements, in one pass from left to right. */
export function bind(note: Note): Finding[] {
  const { tokens } = note;
  const binding = createBinding(note);
  for (let at = 0; at < tokens.count; ) {
    if (tokens.kind[at] === Kind.number) {
      at = bindNumber(binding, at);
      continue;
    }
    if (endsSentence(note, at)) endSentence(binding, at);
    else {
      const cost = passToken(binding, at);
      if (binding.label) binding.label.cost += cost;
      binding.lineCost += cost;
    }
    at++;
  }
  return binding.findings;
}

/** Takes notice of a token that is no number. Gives what it costs the name before it. */
function passToken(binding: Binding, at: number): number {
  const { note, label } = binding;
  const kind = note.tokens.kind[at];
  if (kind === Kind.word) return costs.word;
  if (kind === Kind.han) return costs.han;
  if (kind === Kind.term) {
    passTerm(binding, at, termAt(note, at)!);
    return binding.label === label && isWordless(termAt(note, at)!) ? costs.word : 0;
  }
  const code = punctuationAt(note, at);
  if (opening.has(code)) binding.depth++;
  else if (closing.has(code)) binding.depth = Math.max(0, binding.depth - 1);
  else if (isComma(note, at)) {
    // "platelet count is normal, 89% segments": the name has its result.
    if (label && !label.spent && at - label.at > 1 && isClass(note, at - 1, "qualified")) label.spent = true;
    return costs.comma;
  } else if (!linking.has(code)) return costs.punctuation;
  return 0;
}

function passTerm(binding: Binding, at: number, term: Term): void {
  const { note, label } = binding;
  const age = readAgeWord(note, at, term);
  if (age) binding.findings.push(age);
  if (isOf(term, "question")) binding.questioned = true;
  if (isOf(term, "ageQuestion"))
    askAge(binding, /岁/.test(term.spelling) ? "a" : /个月/.test(term.spelling) ? "mo" : undefined);
  if (isOf(term, "durationQuestion")) binding.durationLines = patience;
  if (isOf(term, "fromChange") && at - binding.between > 3) binding.change = at;
  if (isOf(term, "rangeVerb")) {
    binding.between = at;
    binding.change = Number.NEGATIVE_INFINITY;
  }
  binding.specimen.see(at, term);
  if (label?.spent && isOf(term, "remeasure")) label.cost = Math.min(label.cost, 0.3);
  if (label && !label.spent && namesUnit(term)) label.lastUnit = term.unit;
  if (label && isOf(term, "percentMark")) label.mark ??= "percent";
  if (label && !label.spent && isOf(term, "countMark")) label.mark = "count";
  bindName(binding, at, term);
}

/** 体重多少斤, WBC (10^9/L): the unit of a number to come. */
function namesUnit(term: Term): boolean {
  return (
    term.unit !== undefined && term.unit.age === undefined && !term.unit.unit.startsWith("{") && term.names.length === 0
  );
}

/** 现在发烧不, 量体温没: a question without its mark. */
function asksByEnding(note: Note, at: number): boolean {
  const code = at >= 0 ? note.codes[note.tokens.end[at] - 1] : 0;
  return code === 0x4e0d || code === 0x6ca1;
}

function endSentence(binding: Binding, at: number): void {
  const { note, label } = binding;
  const line = note.tokens.kind[at] === Kind.line;
  if (punctuationAt(note, at) === question) binding.questioned = true;
  binding.depth = 0;
  binding.specimen.endSentence();
  if (line) {
    binding.ageLines--;
    binding.durationLines--;
    if (--binding.askedLines <= 0) binding.asked = undefined;
  }
  const questioned = binding.questioned || (line && asksByEnding(note, at - 1));
  const fresh = label && !label.spent && label.observations.length > 0 && label.strength !== "short";
  const ofChange = label !== undefined && [-1, 1].some((beside) => isClass(note, label.at + beside, "weightChange"));
  if (fresh && !ofChange && (questioned || (label.cost < 0.1 && label.strength === "name"))) {
    binding.asked = label;
    binding.askedLines = patience;
  }
  // "Temp. 98.6", and a name at the end of a line whose number stands on the next.
  if (fresh && label.at === at - 1) {
    if (line) label.cost += costs.line;
    return;
  }
  binding.recent = label?.spent && label.observations.length > 0 ? label : undefined;
  binding.label = undefined;
  if (line || punctuationAt(note, at) !== 0x2e) binding.questioned = false;
  if (line) binding.lineCost = 0;
}

/** Classes of words that may stand between a name and its number. */
const bridges: readonly WordClass[] = [
  ...(["bridge", "change", "approx", "compare", "percentMark", "countMark", "fever", "rangeVerb"] as const),
  ...(["oxygen", "specimenBlood", "observed", "current", "informant", "person", "reference", "bloodGas"] as const),
];

/** Whether a term says nothing about how a number belongs to a name, so that it stands between them as any word does. */
function isWordless(term: Term): boolean {
  return term.hints.length === 0 && term.unit === undefined && !bridges.some((name) => isOf(term, name));
}
