import { maxNoteLength } from "../diagnosis/index.ts";
import type { Item } from "../extract/index.ts";
import { ageInMonths, type PartialDate, parseDate } from "./dates.ts";
import { noteTexts } from "./notes.ts";
import { child, children, FhirError, type Node, nodeOf, text } from "./reader.ts";
import { effectiveOf, itemsOf } from "./results.ts";
import type { IssueCode } from "./types.ts";

/** What could not be used, without which the rest still can. */
export interface BundleIssue {
  readonly path: string;
  readonly code: IssueCode;
  readonly message: string;
}

/** A resource and the URL that others may name it by. */
export interface Entry {
  readonly fullUrl?: string;
  readonly resource: Node;
}

/** What an assessment needs out of a bundle. */
export interface BundleContent {
  /** Texts of the notes, an empty line between them; empty where there is none. */
  readonly text: string;
  readonly ageMonths?: number;
  readonly items: readonly Item[];
  /** As the bundle refers to the patient. */
  readonly subject?: string;
  /** `DocumentReference/ID` of the first note, where it has an id. */
  readonly document?: string;
  readonly issues: readonly BundleIssue[];
}

const maxEntries = 2000;
const noteTypes = ["Composition", "DocumentReference", "DiagnosticReport"];

/**
 * Note, age and results out of a FHIR R4 Bundle of one patient. Resources of other types are passed over. Age is reckoned at the
 * encounter, else at the note's date, else at the latest result. A result older than 72 hours at that time is `past`.
 *
 * @throws FhirError, which names the FHIRPath, for what is no bundle, for two patients, and for a note that is too long.
 */
export function fromBundle(value: unknown): BundleContent {
  return fromEntries(entriesOf(nodeOf(value, "Bundle")));
}

/** The resources of a bundle. @throws FhirError for what is no bundle */
export function entriesOf(bundle: Node): Entry[] {
  if (text(bundle, "resourceType") !== "Bundle") {
    throw new FhirError(`${bundle.path}.resourceType`, "expected Bundle", "value");
  }
  const nodes = children(bundle, "entry");
  if (nodes.length > maxEntries)
    throw new FhirError(`${bundle.path}.entry`, `more than ${maxEntries} entries`, "too-long");
  return nodes.flatMap((node) => {
    const resource = child(node, "resource");
    const fullUrl = text(node, "fullUrl");
    return resource === undefined ? [] : [{ resource, ...(fullUrl === undefined ? {} : { fullUrl }) }];
  });
}

/** As {@link fromBundle}, of resources that came by other ways. @throws FhirError */
export function fromEntries(entries: readonly Entry[]): BundleContent {
  const resources = entries.map(({ resource }) => resource);
  const ofType = (...types: string[]) => resources.filter((node) => types.includes(text(node, "resourceType") ?? ""));

  const patients = patientsOf(entries);
  const subject = onePatient(resources, patients);
  const binaries = binariesOf(entries);
  const noted = ofType(...noteTypes);
  const texts = noted.map((node) => noteTexts(node, binaries).join("\n\n"));
  const note = texts.filter((part) => part.trim() !== "").join("\n\n");
  if (note.length > maxNoteLength) {
    throw new FhirError("Bundle.entry", `the notes are longer than ${maxNoteLength} characters together`, "too-long");
  }
  const observations = ofType("Observation");
  const at = referenceDate(ofType("Encounter"), noted, observations);
  const issues: BundleIssue[] = [];
  const items = observations.flatMap((node) => {
    try {
      return itemsOf(node, at);
    } catch (error) {
      if (!(error instanceof FhirError) || (error.code !== "value" && error.code !== "required")) throw error;
      issues.push({ path: error.path, code: error.code, message: error.message.slice(error.path.length + 2) });
      return [];
    }
  });
  const ageMonths = ageOf(ofType("Patient")[0], at, items, issues);
  const source = noted[texts.findIndex((part) => part.trim() !== "")];
  // Observation.derivedFrom may name a DocumentReference, not the other kinds.
  const id = source && text(source, "resourceType") === "DocumentReference" ? text(source, "id") : undefined;
  return {
    text: note,
    ...(ageMonths === undefined ? {} : { ageMonths }),
    items,
    ...(subject === undefined ? {} : { subject }),
    ...(id === undefined || !/^[A-Za-z0-9.-]{1,64}$/.test(id) ? {} : { document: `DocumentReference/${id}` }),
    issues,
  };
}

/** `Patient/ID` or `urn:uuid:…` of each patient, by each name that a reference may give it. */
function patientsOf(entries: readonly Entry[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  entries.forEach(({ resource, fullUrl: url }, i) => {
    if (text(resource, "resourceType") !== "Patient") return;
    const id = text(resource, "id");
    const name = id !== undefined ? `Patient/${id}` : (url ?? `entry ${i}`);
    names.set(name, name);
    if (url !== undefined) names.set(url, name);
  });
  return names;
}

/** Results of two patients must never be judged as one. @throws FhirError */
function onePatient(resources: readonly Node[], patients: ReadonlyMap<string, string>): string | undefined {
  const distinct = new Set(patients.values());
  if (distinct.size > 1) throw new FhirError("Bundle.entry", "more than one Patient", "business-rule");
  let [known] = distinct;
  for (const resource of resources) {
    if (![...noteTypes, "Observation", "Encounter"].includes(text(resource, "resourceType") ?? "")) continue;
    const subject = child(resource, "subject");
    const reference = subject && text(subject, "reference");
    if (reference === undefined) continue;
    const name =
      patients.get(reference) ?? /Patient\/[A-Za-z0-9.-]{1,64}(?=$|\/_history\/)/.exec(reference)?.[0] ?? reference;
    known ??= name;
    if (name !== known)
      throw new FhirError(`${subject?.path}.reference`, "another patient than the rest of the bundle", "business-rule");
  }
  return known !== undefined && /^(Patient\/[A-Za-z0-9.-]{1,64}|urn:uuid:[0-9a-f-]{36})$/.test(known)
    ? known
    : undefined;
}

/** Binaries that attachments of the same bundle may name. */
function binariesOf(entries: readonly Entry[]): ReadonlyMap<string, Node> {
  const found = new Map<string, Node>();
  for (const { resource, fullUrl: url } of entries) {
    if (text(resource, "resourceType") !== "Binary") continue;
    const id = text(resource, "id");
    if (url !== undefined) found.set(url, resource);
    if (id !== undefined) found.set(`Binary/${id}`, resource);
  }
  return found;
}

function referenceDate(
  encounters: readonly Node[],
  noted: readonly Node[],
  observations: readonly Node[],
): PartialDate | undefined {
  const dated = (node: Node | undefined, name: string) => {
    const value = node && text(node, name);
    return value === undefined ? [] : [parseDate(value, `${node?.path}.${name}`)];
  };
  const visits = encounters.flatMap((node) => dated(child(node, "period"), "start"));
  const notes = noted.flatMap((node) => [...dated(node, "date"), ...[effectiveOf(node)?.date ?? []].flat()]);
  const results = observations.flatMap((node) => effectiveOf(node)?.date ?? []);
  const latest = (dates: readonly PartialDate[]) => dates.toSorted((a, b) => b.time - a.time)[0];
  return latest(visits) ?? latest(notes) ?? latest(results);
}

function ageOf(
  patient: Node | undefined,
  at: PartialDate | undefined,
  items: readonly Item[],
  issues: BundleIssue[],
): number | undefined {
  const birth = patient && text(patient, "birthDate");
  const stated = items.find(({ code, status }) => code === "30525-0" && status === "current")?.value;
  if (birth === undefined) return stated;
  const path = `${patient?.path}.birthDate`;
  const born = parseDate(birth, path);
  const unknown = (message: string) => {
    issues.push({ path, code: "value", message });
    return stated;
  };
  if (!at) return unknown("no encounter, note or result has a date: the age at it is not known");
  const age = ageInMonths(born, at);
  if (age === undefined) return unknown("a year alone does not give the age in months");
  if (age < 0) throw new FhirError(path, "is after the encounter", "value");
  return age;
}
