import { createReadStream } from "node:fs";
import type { CohortRecord } from "../cohort/index.ts";
import { type Disease, diseases } from "../diagnosis/index.ts";
import { NoteError, readLines } from "../notes/index.ts";
import type { Example, Turn } from "./example.ts";
import { ageOf, toModelInput } from "./input.ts";
import { dxy, imcs, type Label, labelsFrom, labelsFromDiagnosis, labelsOf } from "./labels.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Dialogue act of the doctor's own diagnosis (IMCS-21): what it says is the answer. */
const diagnoseAct = 4;

/** A longer line is no note. */
const maxLine = 64 * 2 ** 20;

/** An example from a record of a cohort: the truth stays behind, the items are stage 1's. */
export function exampleOfRecord({ id, text, labels, ageMonths }: CohortRecord): Example {
  return { id, input: toModelInput(text), labels: labelsOf(labels), ageMonths };
}

/**
 * Reads an example from a JSON line of any of these forms, told apart by their fields:
 *
 * - a dialogue {id, label, utterances[{speaker, text, act}]} (IMCS-21): every speaker, utterances of act 4 left out;
 * - a report {report{主诉, 现病史, 辅助检查, 既往史, 诊断, 建议}} (IMCS-MRG): the sections before 诊断, labels from 诊断 in words;
 * - a self-report {id, label, self_report} (Dxy);
 * - a note {id, text, labels[of `diseases`]}, a cohort's lines among them.
 *
 * @param line its number: the id of a record without one
 * @throws NoteError
 */
export function parseExample(json: string, line: number): Example {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new NoteError("not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new NoteError("not an object");
  const record = value as Fields;
  const { id = line } = record;
  if (typeof id !== "string" && typeof id !== "number")
    throw new NoteError(`id is ${kind(id)}, expected a string or a number`);
  const { text, turns, labels, label } = contentOf(record);
  const input = toModelInput(text);
  const ageMonths = typeof record.ageMonths === "number" ? record.ageMonths : ageOf(input.items);
  return {
    ...{ id: String(id), input, labels },
    ...(ageMonths === undefined ? {} : { ageMonths }),
    ...(label === undefined ? {} : { label }),
    ...(turns === undefined ? {} : { turns }),
  };
}

interface Content {
  readonly text: string;
  readonly labels: readonly Label[];
  readonly label?: string;
  readonly turns?: readonly Turn[];
}

function contentOf(record: Fields): Content {
  const unknown = diseases.map(() => undefined);
  if (record.report !== undefined) return reportContent(record.report);
  if (record.utterances !== undefined) {
    const label = optionalString(record.label, "label");
    return {
      ...dialogueContent(record.utterances),
      labels: label === undefined ? unknown : labelsFrom(label, imcs),
      label,
    };
  }
  if (record.self_report !== undefined) {
    const label = optionalString(record.label, "label");
    const text = asString(record.self_report, "self_report");
    return { text, labels: label === undefined ? unknown : labelsFrom(label, dxy), label };
  }
  if (record.text !== undefined) {
    const text = asString(record.text, "text");
    return { text, labels: record.labels === undefined ? unknown : labelsOf(diseaseList(record.labels)) };
  }
  if (record.symptoms !== undefined) throw new NoteError("symptoms without text: there is no note to read");
  throw new NoteError("none of text, self_report, utterances and report");
}

function diseaseList(value: unknown): Disease[] {
  if (!Array.isArray(value)) throw new NoteError(`labels is ${kind(value)}, expected a list of ${diseases.join(", ")}`);
  for (const label of value) {
    if (!diseases.includes(label as Disease))
      throw new NoteError(`labels holds ${JSON.stringify(label)}, expected some of ${diseases.join(", ")}`);
  }
  return value as Disease[];
}

function dialogueContent(value: unknown): { text: string; turns: Turn[] } {
  if (!Array.isArray(value)) throw new NoteError("utterances is not a list");
  const turns: Turn[] = [];
  let text = "";
  for (const [i, utterance] of (value as readonly Fields[]).entries()) {
    if (typeof utterance !== "object" || utterance === null) throw new NoteError(`utterances[${i}] is not an object`);
    if (utterance.act === diagnoseAct) continue;
    const said = asString(utterance.text, `utterances[${i}].text`);
    if (text !== "") text += "\n";
    const start = text.length;
    text += said;
    turns.push({ speaker: String(utterance.speaker ?? "unknown"), start, end: text.length });
  }
  return { text, turns };
}

/** What a report says before its diagnosis; advice tells the diagnosis too. */
const sections = ["主诉", "现病史", "辅助检查", "既往史"];

function reportContent(value: unknown): Content {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new NoteError("report is no object of sections");
  const report = value as Fields;
  const text = sections
    .filter((name) => report[name] !== undefined)
    .map((name) => `${name}：${asString(report[name], `report.${name}`)}`)
    .join("\n");
  if (text === "") throw new NoteError(`report has none of the sections ${sections.join(", ")}`);
  const diagnosis = optionalString(report.诊断, "report.诊断");
  return { text, labels: diagnosis === undefined ? diseases.map(() => undefined) : labelsFromDiagnosis(diagnosis) };
}

function kind(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "a list" : typeof value;
}

function asString(value: unknown, name: string): string {
  if (typeof value !== "string") throw new NoteError(`${name} is ${kind(value)}, expected a string`);
  return value;
}

function optionalString(value: unknown, name: string): string | undefined {
  return value === undefined || value === null ? undefined : asString(value, name);
}

/** A line of a file that is no example. */
export interface WrongLine {
  readonly line: number;
  readonly message: string;
}

/** Reads a file of JSON lines (`parseExample`); lines that are no example are told, not thrown. */
export async function readExamples(
  path: string,
  keep: (record: string) => boolean = () => true,
): Promise<{ examples: Example[]; wrong: WrongLine[] }> {
  const examples: Example[] = [];
  const wrong: WrongLine[] = [];
  const stream = path === "-" ? process.stdin : createReadStream(path, { highWaterMark: 2 ** 18 });
  for await (const { number, text } of readLines(stream, maxLine)) {
    if (text?.trim() === "") continue;
    try {
      if (text === undefined) throw new NoteError(`longer than ${maxLine} characters`);
      if (keep(text)) examples.push(parseExample(text, number));
    } catch (error) {
      if (!(error instanceof NoteError)) throw error;
      wrong.push({ line: number, message: error.message });
    }
  }
  return { examples, wrong };
}
