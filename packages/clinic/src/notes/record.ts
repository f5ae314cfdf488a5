/** A note out of a file of JSON lines. */
export interface NoteRecord {
  /** As in the file; the line's number where it has none. */
  readonly id: string | number;
  readonly text: string;
}

/** A line is no note: the message says what is wrong with it. */
export class NoteError extends Error {
  override name = "NoteError";
}

/**
 * Reads a note from a JSON line with `id` and `text`; or `self_report`, or `utterances` (objects with `text`, or strings), joined by
 * newlines; or a `report` of named sections. Of a line that has a self-report and utterances both are read.
 *
 * @param line its number, for a record without an id
 * @throws NoteError
 */
export function parseNote(json: string, line: number): NoteRecord {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new NoteError(`not JSON: ${(error as Error).message.slice(0, 120)}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new NoteError("not an object");
  const record = value as Readonly<Record<string, unknown>>;
  const { id = line } = record;
  if (typeof id !== "string" && typeof id !== "number")
    throw new NoteError(`id is ${typeof id}, expected a string or a number`);
  return { id, text: textOf(record) };
}

function textOf({ text, self_report: selfReport, utterances, report }: Readonly<Record<string, unknown>>): string {
  if (text !== undefined) return asText(text, "text");
  const parts: string[] = [];
  if (selfReport !== undefined) parts.push(asText(selfReport, "self_report"));
  if (utterances !== undefined) parts.push(fromUtterances(utterances));
  if (parts.length === 0 && report !== undefined) parts.push(fromReport(report));
  if (parts.length === 0) throw new NoteError("none of text, self_report and utterances");
  return parts.join("\n");
}

function asText(value: unknown, name: string): string {
  if (typeof value !== "string")
    throw new NoteError(`${name} is ${value === null ? "null" : typeof value}, expected a string`);
  return value;
}

function fromUtterances(value: unknown): string {
  if (!Array.isArray(value)) throw new NoteError("utterances is not a list");
  return value
    .map((utterance: unknown, i) => {
      if (typeof utterance === "string") return utterance;
      return asText((utterance as { text?: unknown } | null)?.text, `utterances[${i}].text`);
    })
    .join("\n");
}

function fromReport(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new NoteError("report is no object of sections");
  return Object.entries(value)
    .map(([name, text]) => `${name}：${asText(text, `report.${name}`)}`)
    .join("\n");
}
