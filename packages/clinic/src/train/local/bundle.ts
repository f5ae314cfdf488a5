import { convert, converts, measures } from "../../codes/index.ts";
import { diseases } from "../../diagnosis/index.ts";
import type { Item } from "../../extract/index.ts";
import { diseasesIn } from "./diagnosis.ts";
import { type LocalNote, LocalNoteError } from "./record.ts";

interface Coding {
  readonly system?: string;
  readonly code?: string;
  readonly display?: string;
}

interface Concept {
  readonly coding?: readonly Coding[];
  readonly text?: string;
}

interface Resource {
  readonly resourceType?: string;
  readonly id?: string;
  readonly code?: Concept;
  readonly content?: readonly { readonly attachment?: { readonly contentType?: string; readonly data?: string } }[];
  readonly valueQuantity?: { readonly value?: number; readonly code?: string; readonly unit?: string };
  readonly verificationStatus?: Concept;
  readonly subject?: { readonly reference?: string };
}

/** Whether a value is a FHIR Bundle: one patient's note, results and conditions. */
export function isBundle(value: unknown): value is { readonly entry?: readonly { readonly resource?: Resource }[] } {
  return (value as { resourceType?: unknown } | null)?.resourceType === "Bundle";
}

/**
 * Reads a note from a FHIR R4 Bundle: text from DocumentReferences, results beside it from Observations of codes and units that are
 * known, the diagnosis from Conditions that are not refuted.
 *
 * @throws LocalNoteError
 */
export function parseBundle(
  bundle: { readonly id?: string; readonly entry?: readonly { readonly resource?: Resource }[] },
  place: string,
): LocalNote {
  const resources = (bundle.entry ?? []).flatMap(({ resource }) => (resource ? [resource] : []));
  const of = (type: string) => resources.filter(({ resourceType }) => resourceType === type);
  const text = of("DocumentReference").flatMap(textsOf).join("\n");
  if (text.trim() === "") {
    throw new LocalNoteError(
      "the Bundle has no note: expected a DocumentReference with content[].attachment of text/plain and data in base64",
    );
  }
  const conditions = of("Condition");
  if (conditions.length === 0) throw new LocalNoteError("the Bundle has no Condition: what is the diagnosis?");
  const certain = conditions.filter(
    ({ verificationStatus }) =>
      !verificationStatus?.coding?.some(({ code }) => code === "refuted" || code === "entered-in-error"),
  );
  const found = certain.flatMap(({ code }) =>
    [code?.text, ...(code?.coding ?? []).flatMap(({ code: icd, display }) => [icd, display])].flatMap((name) =>
      name === undefined ? [] : diseasesIn(name),
    ),
  );
  const named = diseases.filter((disease) => found.includes(disease));
  const patient = of("Patient")[0]?.id ?? resources.find(({ subject }) => subject?.reference)?.subject?.reference;
  return {
    ...{ id: bundle.id ?? place, text, diseases: named, other: named.length === 0 },
    ...{ patient: patient === undefined ? place : `patient ${patient}`, items: of("Observation").flatMap(itemOf) },
  };
}

function textsOf({ content = [] }: Resource): string[] {
  return content.flatMap(({ attachment }) =>
    attachment?.data !== undefined && (attachment.contentType ?? "text/plain").startsWith("text/plain")
      ? [Buffer.from(attachment.data, "base64").toString("utf8")]
      : [],
  );
}

function itemOf({ code, valueQuantity }: Resource): Item[] {
  const known = code?.coding?.find((coding) => measures.has(coding.code ?? ""));
  const { value } = valueQuantity ?? {};
  if (!known?.code || typeof value !== "number" || !Number.isFinite(value)) return [];
  const unit = measures.get(known.code)?.unit ?? "";
  const given = valueQuantity?.code ?? valueQuantity?.unit ?? unit;
  if (!converts(given, unit)) return [];
  const spot = { text: "", start: 0, end: 0 } as const;
  return [{ code: known.code, value: convert(value, given, unit), unit, ...spot, status: "current" }];
}
