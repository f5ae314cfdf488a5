import { readFileSync } from "node:fs";
import { join } from "node:path";

interface ResearchRecord {
  readonly id?: string | number;
  readonly text?: string;
  readonly self_report?: string;
  readonly utterances?: readonly { readonly text: string }[];
  readonly report?: Readonly<Record<string, string>>;
}

/**
 * Notes of the research sets (../shared/data/clinic) under the ids that the labels use:
 *
 * - `mtsamples_notes/ID` and `dxy_self_reports/ID`: the text;
 * - `imcs_dialogues/ID`, `imcs_reports/LINE/dialogue`: the utterances' texts, joined by line breaks, without speakers;
 * - `imcs_reports/LINE/report`: the report's fields in their order, each `NAME：TEXT`, joined by line breaks.
 *
 * LINE counts from 1, since that file has no ids. Text is left as it is, so that offsets hold.
 * @throws Error of the file system where a file is missing.
 */
export function readResearchNotes(folder: string): Map<string, string> {
  const notes = new Map<string, string>();
  for (const set of ["mtsamples_notes", "dxy_self_reports", "imcs_dialogues", "imcs_reports"]) {
    const lines = readFileSync(join(folder, `${set}.jsonl`), "utf8").split("\n");
    for (const [index, line] of lines.entries()) {
      if (line.trim() === "") continue;
      const record = JSON.parse(line) as ResearchRecord;
      const dialogue = record.utterances?.map(({ text }) => text).join("\n");
      if (record.report) {
        const report = Object.entries(record.report).map(([name, text]) => `${name}：${text}`);
        notes.set(`${set}/${index + 1}/report`, report.join("\n"));
        notes.set(`${set}/${index + 1}/dialogue`, dialogue ?? "");
      } else notes.set(`${set}/${record.id}`, record.text ?? record.self_report ?? dialogue ?? "");
    }
  }
  return notes;
}
