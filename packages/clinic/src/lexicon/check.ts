import { converts, knownUnits, measures } from "../codes/index.ts";
import { wordClasses } from "./words.ts";

type Fields = Readonly<Record<string, unknown>>;
type Report = (where: string, problem: string) => void;

const statuses = ["current", "past", "other"];
const observationKeys =
  "code names hints short alone after contextual pairs sharesNamesOf bare reads plausible unlabelled specimen";
const parts = "observations units words foreign rows cues sections tests results findings numerals ages variants".split(
  " ",
);

/** What is wrong with a lexicon, each problem with the path of its entry; empty if nothing is. */
export function checkLexicon(value: unknown): string[] {
  const problems: string[] = [];
  const report: Report = (where, problem) => problems.push(`${where}: ${problem}`);
  const file = record(value, "the file", report);
  if (!file) return problems;
  for (const key of Object.keys(file))
    if (!parts.includes(key)) report(key, `no part of a lexicon, which has ${parts.join(", ")}`);
  each(file, "observations", report, checkObservation);
  each(file, "units", report, checkUnit);
  each(file, "cues", report, checkCue);
  each(file, "sections", report, (section, where) => {
    choice(section["status"], statuses, `${where}.status`, report);
    words(section["headers"], `${where}.headers`, report);
  });
  each(file, "rows", report, (row, where) => {
    words(row["names"], `${where}.names`, report);
    codes(row["codes"], `${where}.codes`, report);
  });
  each(file, "tests", report, (test, where) => {
    for (const key of ["code", "display"]) text(test[key], `${where}.${key}`, report);
    words(test["names"], `${where}.names`, report);
    choice(test["result"], ["presence", "titre", "finding"], `${where}.result`, report);
  });
  for (const [name, list] of Object.entries(record(file["words"] ?? {}, "words", report) ?? {})) {
    if (!(wordClasses as readonly string[]).includes(name))
      report(`words.${name}`, `no class of words; there are ${wordClasses.join(", ")}`);
    words(list, `words.${name}`, report);
  }
  for (const [name, list] of Object.entries(record(file["results"] ?? {}, "results", report) ?? {}))
    words(list, `results.${name}`, report);
  for (const key of ["foreign", "findings"]) if (file[key] !== undefined) words(file[key], key, report);
  for (const key of ["numerals", "ages"])
    for (const [word, number] of Object.entries(record(file[key] ?? {}, key, report) ?? {}))
      if (typeof number !== "number") report(`${key}.${word}`, "not a number");
  const variants = file["variants"] ?? "";
  if (typeof variants !== "string" || variants.length % 2 === 1)
    report("variants", "not a string of pairs: each variant is followed by its common form");
  return problems;
}

function checkObservation(observation: Fields, where: string, report: Report): void {
  const measure = measures.get(String(observation["code"]));
  if (!measure) {
    report(`${where}.code`, `${JSON.stringify(observation["code"])} is none of ${[...measures.keys()].join(", ")}`);
    return;
  }
  for (const key of Object.keys(observation))
    if (!observationKeys.split(" ").includes(key))
      report(`${where}.${key}`, `unknown; an observation has ${observationKeys}`);
  words(observation["names"], `${where}.names`, report);
  for (const key of ["hints", "short", "alone", "after", "pairs"])
    if (observation[key] !== undefined) words(observation[key], `${where}.${key}`, report);
  each(
    observation,
    "bare",
    report,
    (bare, place) => {
      const unit = String(bare["unit"]);
      if (!converts(unit, measure.unit)) report(`${place}.unit`, `${unit} does not convert to ${measure.unit}`);
      range(bare["from"], bare["to"], place, report);
    },
    where,
  );
  each(
    observation,
    "contextual",
    report,
    (entry, place) => {
      text(entry["word"], `${place}.word`, report);
      choice(entry["near"], wordClasses, `${place}.near`, report);
    },
    where,
  );
  const { plausible, sharesNamesOf } = observation;
  if (sharesNamesOf !== undefined && !measures.has(String(sharesNamesOf)))
    report(`${where}.sharesNamesOf`, `${JSON.stringify(sharesNamesOf)} is no code`);
  if (plausible !== undefined) {
    if (!Array.isArray(plausible) || plausible.length !== 2)
      report(`${where}.plausible`, "not a pair [least, greatest]");
    else range(plausible[0], plausible[1], `${where}.plausible`, report);
  }
  for (const [unit, read] of Object.entries(record(observation["reads"] ?? {}, `${where}.reads`, report) ?? {}))
    if (read !== "bare" && !converts(String(read), measure.unit))
      report(`${where}.reads.${unit}`, `${String(read)} does not convert to ${measure.unit}`);
}

function checkUnit(unit: Fields, where: string, report: Report): void {
  text(unit["unit"], `${where}.unit`, report);
  words(unit["spellings"], `${where}.spellings`, report);
  const name = String(unit["unit"]);
  const loose = name.startsWith("{") || ["deg", "mm", "mg", "ng", "L/L"].includes(name);
  if (!loose && !knownUnits.has(name))
    report(`${where}.unit`, `${name} converts to nothing; write what is only counted in braces, {tablet}`);
  if (unit["age"] !== undefined) choice(unit["age"], ["always", "maybe"], `${where}.age`, report);
  if (unit["plus"] !== undefined && typeof unit["plus"] !== "number") report(`${where}.plus`, "not a number");
}

function checkCue(cue: Fields, where: string, report: Report): void {
  choice(cue["status"], statuses, `${where}.status`, report);
  choice(cue["side"], ["before", "after"], `${where}.side`, report);
  choice(cue["reach"], ["next", "adjacent", "near", "phrase", "clause", "sentence"], `${where}.reach`, report);
  text(cue["why"], `${where}.why`, report);
  words(cue["words"], `${where}.words`, report);
  for (const key of ["needs", "with", "unlessClause", "unlessAfter"])
    if (cue[key] !== undefined) choice(cue[key], wordClasses, `${where}.${key}`, report);
  if (cue["unless"] !== undefined) words(cue["unless"], `${where}.unless`, report);
  for (const name of Array.isArray(cue["unless"]) ? cue["unless"] : [])
    choice(name, wordClasses, `${where}.unless`, report);
  for (const key of ["codes", "except"]) if (cue[key] !== undefined) codes(cue[key], `${where}.${key}`, report);
}

function codes(value: unknown, where: string, report: Report): void {
  words(value, where, report);
  for (const code of Array.isArray(value) ? value : [])
    if (!measures.has(code)) report(where, `${JSON.stringify(code)} is none of ${[...measures.keys()].join(", ")}`);
}

function record(value: unknown, where: string, report: Report): Fields | undefined {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  report(where, "not an object");
  return undefined;
}

function each(
  fields: Fields,
  key: string,
  report: Report,
  check: (entry: Fields, where: string, report: Report) => void,
  prefix = "",
): void {
  const list = fields[key];
  const where = prefix ? `${prefix}.${key}` : key;
  if (list === undefined) return;
  if (!Array.isArray(list)) {
    report(where, "not a list");
    return;
  }
  list.forEach((entry, i) => {
    const label = (entry as { code?: string; unit?: string; why?: string } | null) ?? {};
    const place = `${where}[${i}]${label.code ? ` (${label.code})` : label.why ? ` (${label.why})` : ""}`;
    const fieldsOfEntry = record(entry, place, report);
    if (fieldsOfEntry) check(fieldsOfEntry, place, report);
  });
}

function words(value: unknown, where: string, report: Report): void {
  if (!Array.isArray(value) || value.length === 0) {
    report(where, "not a list of words");
    return;
  }
  value.forEach((word, i) => {
    if (typeof word !== "string" || word.trim() === "") report(`${where}[${i}]`, "not a word");
    else if (word.length > 60) report(`${where}[${i}]`, `${word.length} characters, at most 60`);
  });
}

function text(value: unknown, where: string, report: Report): void {
  if (typeof value !== "string" || value === "") report(where, "missing, or not a string");
}

function choice(value: unknown, choices: readonly string[], where: string, report: Report): void {
  if (typeof value !== "string" || !choices.includes(value))
    report(where, `${JSON.stringify(value)} is none of ${choices.join(", ")}`);
}

function range(from: unknown, to: unknown, where: string, report: Report): void {
  if (typeof from !== "number" || typeof to !== "number" || !(from <= to))
    report(where, "not two numbers, the lesser first");
}
