import { type Disease, diseaseNames, diseases } from "../../diagnosis/index.ts";
import type { Item } from "../../extract/index.ts";
import { diseasesIn } from "./diagnosis.ts";

/** A hospital's own note with its diagnosis, before masking and extraction. */
export interface LocalNote {
  readonly id: string;
  readonly text: string;
  readonly diseases: readonly Disease[];
  /** Notes of one patient stay on one side of the split. */
  readonly patient: string;
  readonly split?: "train" | "validation" | "test";
  /** Results beside the text. */
  readonly items: readonly Item[];
  /** The diagnosis named none of the four. */
  readonly other: boolean;
}

/** A record cannot be used: the message says which field and why. */
export class LocalNoteError extends Error {
  override name = "LocalNoteError";
}

const textFields = ["text", "note", "report"] as const;
const diagnosisFields = ["labels", "label", "diagnosis", "diagnoses"] as const;
const splits = ["train", "validation", "test"] as const;

/** The four diseases by any of their names; what else stands in `labels` is an error, lest a typing error pass for "none". */
function diseaseOf(label: string): Disease | undefined {
  const name = label.trim().toLowerCase();
  const exact = diseases.find(
    (disease) =>
      name === disease || name === diseaseNames[disease].en.toLowerCase() || name === diseaseNames[disease].zh,
  );
  return exact ?? (diseasesIn(label).length === 1 ? diseasesIn(label)[0] : undefined);
}

/** Reads a note from the fields of a JSON line or a CSV row. @throws LocalNoteError */
export function parseLocalNote(record: Readonly<Record<string, unknown>>, place: string): LocalNote {
  const textField = textFields.find((name) => typeof record[name] === "string");
  if (textField === undefined) {
    throw new LocalNoteError(`there is no text: expected a field ${textFields.join(", ")} with the note`);
  }
  const text = record[textField] as string;
  if (text.trim() === "") throw new LocalNoteError(`${textField} is empty`);
  const field = diagnosisFields.find((name) => record[name] !== undefined && record[name] !== null);
  if (field === undefined) {
    throw new LocalNoteError(
      `there is no diagnosis: expected labels (some of ${diseases.join(", ")}, or none of them) or diagnosis (words or ICD-10)`,
    );
  }
  const found = field.startsWith("label") ? fromLabels(record[field], field) : fromDiagnosis(record[field], field);
  const { id = place, patient, split } = record;
  if (typeof id !== "string" && typeof id !== "number") throw new LocalNoteError("id is neither a string nor a number");
  if (split !== undefined && split !== "" && !splits.some((name) => name === split))
    throw new LocalNoteError(`split is ${JSON.stringify(split)}, expected ${splits.join(", ")}`);
  return {
    ...{ id: String(id), text, items: [], patient: patient === undefined ? String(id) : `patient ${patient}` },
    ...{ diseases: found, other: found.length === 0 },
    ...(split !== undefined && split !== "" && { split: split as LocalNote["split"] }),
  };
}

function fromLabels(value: unknown, field: string): Disease[] {
  const list =
    typeof value === "string"
      ? value.split(/[;,、|]/).filter((part) => part.trim() !== "")
      : Array.isArray(value)
        ? value
        : typeof value === "object" && value !== null
          ? Object.entries(value).flatMap(([name, has]) => (has === 1 || has === true ? [name] : []))
          : undefined;
  if (!list) throw new LocalNoteError(`${field} is ${JSON.stringify(value)}, expected a list of diseases`);
  const found = list.flatMap((label) => {
    if (typeof label !== "string") throw new LocalNoteError(`${field} holds ${JSON.stringify(label)}, expected names`);
    if (/^(none|other|其他|无)$/i.test(label.trim())) return [];
    const disease = diseaseOf(label);
    if (disease) return [disease];
    throw new LocalNoteError(
      `${field} holds ${JSON.stringify(label)}, which is none of ${diseases.join(", ")}; for a diagnosis in words use the field diagnosis`,
    );
  });
  return diseases.filter((disease) => found.includes(disease));
}

function fromDiagnosis(value: unknown, field: string): Disease[] {
  const list = Array.isArray(value) ? value : [value];
  const found = list.flatMap((diagnosis) => {
    if (typeof diagnosis !== "string") {
      throw new LocalNoteError(`${field} is ${JSON.stringify(diagnosis)}, expected words or an ICD-10 code`);
    }
    return diagnosis.split(/[;；,，、|]/).flatMap(diseasesIn);
  });
  return diseases.filter((disease) => found.includes(disease));
}
