import { convert, converts, measures } from "../codes/index.ts";
import type { Item } from "../extract/index.ts";
import { defaultLexicon } from "../lexicon/index.ts";
import { aliases } from "./aliases.ts";
import { type PartialDate, parseDate } from "./dates.ts";
import { child, children, decimal, FhirError, type Node, text } from "./reader.ts";

const loinc = "http://loinc.org";
const ucum = "http://unitsofmeasure.org";
const hour = 3_600_000;
/** A result from this long before the encounter still describes the present illness. */
const currentBefore = 72 * hour;
/** Printed units that are no UCUM, and what they mean; UCUM's own spellings are read as they stand. */
const spellings: Readonly<Record<string, string>> = {
  ...{ "°C": "Cel", "℃": "Cel", C: "Cel", "°F": "[degF]", "℉": "[degF]", F: "[degF]", degF: "[degF]", mmHg: "mm[Hg]" },
  ...{
    "10^9/L": "10*9/L",
    "x10^9/L": "10*9/L",
    "×10^9/L": "10*9/L",
    "10^3/uL": "10*3/uL",
    "K/uL": "10*3/uL",
    "/μL": "/uL",
  },
  ...{
    "{beats}/min": "/min",
    bpm: "/min",
    "{breaths}/min": "/min",
    "breaths/min": "/min",
    "beats/min": "/min",
    "1/min": "/min",
  },
  ...{
    lb: "[lb_av]",
    lbs: "[lb_av]",
    oz: "[oz_av]",
    "mm/hr": "mm/h",
    "μg/mL": "ug/mL",
    "μg/L": "ug/L",
    pH: "[pH]",
    months: "mo",
  },
};
const presences: Readonly<Record<string, string>> = { POS: "positive", NEG: "negative", IND: "indeterminate" };

/** Results of an Observation, its components included. Codes that stage 1 does not know give none. @throws FhirError */
export function itemsOf(observation: Node, at: PartialDate | undefined): Item[] {
  const status = text(observation, "status");
  if (status === "entered-in-error" || status === "cancelled") return [];
  const when = effectiveOf(observation);
  const past = when !== undefined && at !== undefined && when.date.time < at.time - currentBefore;
  const details = {
    ...{ text: "", start: 0, end: 0, status: past ? ("past" as const) : ("current" as const) },
    ...{ certainty: "stated" as const, ...(when === undefined ? {} : { time: when.value }) },
  };
  return [observation, ...children(observation, "component")].flatMap((node) => {
    const code = codeOf(node);
    if (code === undefined || child(node, "dataAbsentReason")) return [];
    const reading = measures.has(code) ? numberOf(node, code) : resultOf(node);
    return reading === undefined ? [] : [{ code, ...details, ...reading }];
  });
}

/** When an Observation or a DiagnosticReport holds. @throws FhirError */
export function effectiveOf(node: Node): { value: string; date: PartialDate } | undefined {
  const period = child(node, "effectivePeriod");
  const [value, path] = [
    [text(node, "effectiveDateTime"), `${node.path}.effectiveDateTime`],
    [text(node, "effectiveInstant"), `${node.path}.effectiveInstant`],
    [period && text(period, "start"), `${period?.path}.start`],
  ].find(([given]) => given !== undefined) ?? [undefined, ""];
  return value === undefined ? undefined : { value, date: parseDate(value, path as string) };
}

function codeOf(node: Node): string | undefined {
  const concept = child(node, "code");
  if (!concept) return undefined;
  for (const coding of children(concept, "coding")) {
    const code = text(coding, "code");
    if (text(coding, "system") !== loinc || code === undefined) continue;
    const own = aliases.get(code) ?? code;
    if (measures.has(own) || defaultLexicon().tests.some((test) => test.code === own)) return own;
  }
  // A test without a confirmed LOINC code goes out with its name only, and comes back by it.
  const name = text(concept, "text");
  return defaultLexicon().tests.find(({ display }) => display === name)?.code;
}

type Reading = Pick<Item, "value" | "low" | "high" | "unit" | "comparator" | "result">;

function numberOf(node: Node, code: string): Reading | undefined {
  const unit = measures.get(code)!.unit;
  const quantity = child(node, "valueQuantity");
  if (quantity) {
    const comparator = text(quantity, "comparator");
    if (comparator !== undefined && !["<", "<=", ">=", ">"].includes(comparator)) {
      throw new FhirError(`${quantity.path}.comparator`, "expected <, <=, >= or >", "value");
    }
    const value = quantityIn(quantity, unit);
    return { value, unit, ...(comparator === undefined ? {} : { comparator: comparator as Item["comparator"] }) };
  }
  const range = child(node, "valueRange");
  if (range) {
    const [low, high] = [child(range, "low"), child(range, "high")];
    if (!low || !high) throw new FhirError(range.path, "expected low and high", "required");
    return { low: quantityIn(low, unit), high: quantityIn(high, unit), unit };
  }
  const integer = decimal(node, "valueInteger");
  if (integer !== undefined)
    throw new FhirError(`${node.path}.valueInteger`, `expected valueQuantity with a unit such as ${unit}`, "value");
  const string = text(node, "valueString");
  if (string !== undefined)
    throw new FhirError(`${node.path}.valueString`, `expected valueQuantity with a unit such as ${unit}`, "value");
  return undefined;
}

function quantityIn(quantity: Node, unit: string): number {
  const value = decimal(quantity, "value");
  if (value === undefined) throw new FhirError(`${quantity.path}.value`, "is missing", "required");
  const coded = text(quantity, "system") === ucum ? text(quantity, "code") : undefined;
  const printed = (coded ?? text(quantity, "unit") ?? text(quantity, "code"))?.trim();
  if (printed === undefined)
    throw new FhirError(`${quantity.path}.unit`, `is missing; ${unit} is expected`, "required");
  const from = Object.hasOwn(spellings, printed) ? spellings[printed] : printed;
  if (!converts(from, unit))
    throw new FhirError(
      `${quantity.path}.${coded === undefined ? "unit" : "code"}`,
      `does not convert to ${unit}`,
      "value",
    );
  // Seven digits: a conversion must not add digits that nobody measured (101.3 °F is 38.5 °C).
  return from === unit ? value : Number(convert(value, from, unit).toPrecision(7));
}

function resultOf(node: Node): Reading | undefined {
  const concept = child(node, "valueCodeableConcept");
  const coded = concept && children(concept, "coding").map((coding) => text(coding, "code") ?? "");
  const presence = coded?.find((code) => Object.hasOwn(presences, code));
  const result =
    presence === undefined ? ((concept && text(concept, "text")) ?? text(node, "valueString")) : presences[presence];
  return result === undefined || result === "" ? undefined : { result, unit: "" };
}
