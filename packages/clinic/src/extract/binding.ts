import { measures } from "../codes/index.ts";
import type { Finding } from "./finding.ts";
import type { Label } from "./label.ts";
import { isClass, isNumber, type Note } from "./note.ts";
import { type Part, type Quantity, readQuantity } from "./quantity.ts";
import { type Reading, read } from "./reading.ts";
import { Specimen } from "./specimen.ts";

/** Where the pass over a note stands: the name that waits for a number, and what was said before. */
export interface Binding {
  readonly note: Note;
  readonly findings: Finding[];
  readonly specimen: Specimen;
  label: Label | undefined;
  /** The measurement that a question asks for, and for how many lines more. */
  asked: Label | undefined;
  askedLines: number;
  /** For how many lines more an age is asked for. */
  ageLines: number;
  /** The unit that the question how old names. */
  ageUnit: "mo" | "a" | undefined;
  /** For how many lines more the question how long it lasted waits. */
  durationLines: number;
  /** The last name of the sentence before. */
  recent: Label | undefined;
  /** Open brackets. */
  depth: number;
  /** Tokens of the last "from" and the last "between". */
  change: number;
  between: number;
  /** A question stands in the sentence. */
  questioned: boolean;
  /** Words passed since the line began. */
  lineCost: number;
}

export function createBinding(note: Note): Binding {
  return {
    ...{ note, findings: [], specimen: new Specimen(note), label: undefined, asked: undefined, askedLines: 0 },
    ...{
      ageLines: 0,
      ageUnit: undefined,
      durationLines: 0,
      recent: undefined,
      depth: 0,
      change: -9,
      between: -9,
      questioned: false,
      lineCost: 0,
    },
  };
}

/** A measurement that a number fits. */
export interface Fit {
  readonly observation: number;
  readonly reading: Reading;
}

/** The first observation of the label that the part fits. */
export function fit({ note, specimen }: Binding, label: Label, part: Part, q: Quantity): Fit | undefined {
  for (const observation of label.observations) {
    const entry = note.lexicon.observations[observation];
    const { unit } = measures.get(entry.code)!;
    const chosen = label.observations.length > 1;
    if (chosen && label.mark === "percent" && unit !== "%") continue;
    if (chosen && label.mark === "count" && unit === "%") continue;
    const reading = read(entry, part, q.decimals);
    if (reading && !(entry.specimen === "blood" && specimen.excludes(part, q))) return { observation, reading };
  }
  return undefined;
}

/** Without a printed unit, one of a row is in the unit of the others: "150 pounds, up from 145", "22 to 25 pounds". */
export function fitAlike(binding: Binding, label: Label, part: Part, q: Quantity): Fit | undefined {
  if (part.unit) return undefined;
  const unit = label.lastUnit ?? unitOfNext(binding.note, q.to);
  if (!unit) return undefined;
  const found = fit(binding, label, { ...part, unit }, q);
  const first = Number.isNaN(label.last);
  return found && (first || (found.reading.low < label.last * 3 && found.reading.low > label.last / 3))
    ? found
    : undefined;
}

/** The unit of the number after "to": of both ends of "from 22 to 25 pounds". */
function unitOfNext(note: Note, at: number): Quantity["unit"] {
  if (!isClass(note, at, "rangeLink") || !isNumber(note, at + 1)) return undefined;
  return readQuantity(note, at + 1, { change: true, between: false, second: true }).unit;
}

/** Adds a finding. */
export function emit(
  { note, findings }: Binding,
  label: Label | undefined,
  { observation, reading }: Fit,
  q: Quantity,
  reference = false,
): void {
  const { code } = note.lexicon.observations[observation];
  findings.push({
    ...{ code, low: reading.low, high: reading.high, from: q.from, to: q.to },
    nameAt: label?.at ?? q.from,
    basis: label && label.strength !== "asked" && label.strength !== "hint" ? "stated" : "inferred",
    reference,
    printed: q.unit !== undefined,
  });
}

/** Marks that a label has had its number, and makes it the one that a row goes on with. */
export function spend(binding: Binding, label: Label): void {
  label.spent = true;
  label.cost = 0;
  binding.label = label;
}

/** How many lines a question waits for its answer. */
export const patience = 3;

/** The same of the question how old, which takes fewer numbers for an answer. */
const agePatience = 5;

/** An age is asked for, and no longer how long something lasted. */
export function askAge(binding: Binding, unit?: Binding["ageUnit"]): void {
  binding.ageLines = agePatience;
  binding.ageUnit = unit;
  binding.durationLines = 0;
}
