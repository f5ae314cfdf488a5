import { measures } from "../codes/index.ts";
import type { Item } from "../extract/index.ts";
import { defaultLexicon, type Lexicon } from "../lexicon/index.ts";
import { referenceRange } from "../reference/index.ts";
import type { CodeableConcept, Coding, Quantity, Reference } from "./types.ts";

/** The part of FHIR R4's Observation that an extracted result fills. */
export interface Observation {
  readonly resourceType: "Observation";
  readonly status: "preliminary";
  readonly category: readonly CodeableConcept[];
  readonly code: CodeableConcept;
  readonly subject?: Reference;
  readonly valueQuantity?: Quantity;
  readonly valueRange?: { readonly low: Quantity; readonly high: Quantity };
  readonly valueCodeableConcept?: CodeableConcept;
  readonly valueString?: string;
  readonly interpretation?: readonly CodeableConcept[];
  readonly note: readonly { readonly text: string }[];
  readonly method: CodeableConcept;
  readonly referenceRange?: readonly {
    readonly low: Quantity;
    readonly high: Quantity;
    readonly age: { readonly low: Quantity; readonly high: Quantity };
    readonly text: string;
  }[];
  readonly derivedFrom?: readonly Reference[];
}

export interface ObservationOptions {
  /** `Patient/ID`. */
  readonly subject?: string;
  /** `DocumentReference/ID` of the note. */
  readonly document?: string;
  /** Age in months, for the reference ranges. Default: the first current age among the items. */
  readonly ageMonths?: number;
  readonly lexicon?: Lexicon;
}

const loinc = "http://loinc.org";
const ucum = "http://unitsofmeasure.org";
const interpretations = { L: "Low", N: "Normal", H: "High" } as const;
/** SNOMED CT would name these; v3-ObservationInterpretation needs no licence. */
const presences: Readonly<Record<string, Coding>> = {
  positive: { code: "POS", display: "Positive" },
  negative: { code: "NEG", display: "Negative" },
  indeterminate: { code: "IND", display: "Indeterminate" },
};
const interpretationSystem = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";
const categorySystem = "http://terminology.hl7.org/CodeSystem/observation-category";

/**
 * The patient's results as FHIR R4 Observations: `status` preliminary, since software read them from a note and nobody has checked
 * them. Items of other people, references, thresholds and ventilator settings (status other) are left out.
 */
export function toObservations(items: readonly Item[], options: ObservationOptions = {}): Observation[] {
  const age = options.ageMonths ?? items.find(({ code, status }) => code === "30525-0" && status === "current")?.value;
  return items.filter(({ status }) => status !== "other").map((item) => toObservation(item, age, options));
}

function toObservation(item: Item, age: number | undefined, options: ObservationOptions): Observation {
  const measure = measures.get(item.code);
  const test = (options.lexicon ?? defaultLexicon()).tests.find(({ code }) => code === item.code);
  const display = measure?.display ?? test?.display ?? item.code;
  const category = measure?.category ?? (test?.result === "finding" ? "exam" : "laboratory");
  const coded = /^\d+-\d$/.test(item.code);
  return {
    resourceType: "Observation",
    status: "preliminary",
    category: [{ coding: [{ system: categorySystem, code: category }] }],
    code: { ...(coded ? { coding: [{ system: loinc, code: item.code, display }] } : {}), text: display },
    ...(options.subject === undefined ? {} : { subject: { reference: options.subject } }),
    ...valueFields(item),
    ...(item.flag === undefined ? {} : { interpretation: [interpretation(item.flag, interpretations[item.flag])] }),
    note: [{ text: noteOf(item) }],
    method: {
      text: fromNote(item) ? "Extracted from a clinical note by software" : "Taken over from the request",
    },
    ...rangeOf(item, age),
    ...(options.document === undefined || !fromNote(item) ? {} : { derivedFrom: [{ reference: options.document }] }),
  };
}

function valueFields(
  item: Item,
): Pick<Observation, "valueQuantity" | "valueRange" | "valueCodeableConcept" | "valueString"> {
  if (item.value !== undefined) return { valueQuantity: quantity(item.value, item.unit, item.comparator) };
  if (item.low !== undefined && item.high !== undefined)
    return { valueRange: { low: quantity(item.low, item.unit), high: quantity(item.high, item.unit) } };
  const result = item.result ?? "";
  const presence = presences[result];
  if (!presence) return { valueString: result };
  return { valueCodeableConcept: { coding: [{ system: interpretationSystem, ...presence }], text: result } };
}

/** Whether the item stands in the note; else the caller gave it (AssessOptions.items). */
function fromNote({ start, end }: Item): boolean {
  return end > start;
}

function quantity(value: number, unit: string, comparator?: string): Quantity {
  return { value, ...(comparator === undefined ? {} : { comparator }), unit, system: ucum, code: unit };
}

function interpretation(code: string, display: string): CodeableConcept {
  return { coding: [{ system: interpretationSystem, code, display }] };
}

/** What R4 has no element for: where in the note, when in the note's words, how sure. */
function noteOf({ text, start, end, status, time, certainty }: Item): string {
  const parts = [end > start ? `"${text}" at ${start}-${end}` : "given beside the note"];
  if (status === "past") parts.push("before the present illness");
  if (time !== undefined) parts.push(`time as stated: ${time}`);
  if (certainty !== undefined && certainty !== "stated") parts.push(`certainty: ${certainty}`);
  return parts.join("; ");
}

function rangeOf(item: Item, age: number | undefined): Pick<Observation, "referenceRange"> {
  const range = age === undefined || item.flag === undefined ? undefined : referenceRange(item.code, age);
  if (!range) return {};
  return {
    referenceRange: [
      {
        low: quantity(range.low, item.unit),
        high: quantity(range.high, item.unit),
        age: { low: quantity(range.from, "mo"), high: quantity(range.to, "mo") },
        text: range.source,
      },
    ],
  };
}
