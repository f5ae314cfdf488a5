import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Example, labelsFromDiagnosis, parseExample } from "../../examples/index.ts";
import type { Symptoms } from "./symptoms.ts";

/** The real research sets, as the dialogue models read them. */
export interface ResearchSets {
  /** 833 dialogues with label and, for training only, annotated symptoms. */
  readonly dialogues: readonly (Example & { readonly label: string; readonly symptoms: Symptoms })[];
  /** Other cases: label and annotated symptoms, no text. */
  readonly vectors: readonly { readonly label: string; readonly symptoms: Symptoms }[];
  /** Other dialogues: masked text, and the disease of the report's diagnosis. */
  readonly reported: readonly { readonly text: string; readonly labels: readonly (0 | 1 | undefined)[] }[];
  /** Self-reports of another site: masked text and labels. */
  readonly selfReports: readonly Example[];
}

const files = ["imcs_dialogues", "imcs_symptoms", "imcs_reports", "dxy_self_reports"] as const;

/** Whether every file is there. */
export function hasResearchSets(folder: string): boolean {
  return files.every((file) => existsSync(join(folder, `${file}.jsonl`)));
}

/** @throws Error of the file system; NoteError where a line is no example */
export function readResearchSets(folder: string): ResearchSets {
  const lines = (file: (typeof files)[number]) =>
    readFileSync(join(folder, `${file}.jsonl`), "utf8")
      .split("\n")
      .filter((line) => line.trim() !== "");
  const example = (line: string, i: number) => parseExample(line, i + 1);
  return {
    dialogues: lines("imcs_dialogues").map((line, i) => {
      const { label, symptoms } = JSON.parse(line) as { label: string; symptoms: Symptoms };
      return { ...example(line, i), label, symptoms };
    }),
    vectors: lines("imcs_symptoms").map((line) => JSON.parse(line) as { label: string; symptoms: Symptoms }),
    reported: lines("imcs_reports").map((line, i) => {
      const { utterances, report } = JSON.parse(line) as { utterances: unknown; report: { 诊断?: string } };
      const { input } = parseExample(JSON.stringify({ utterances }), i + 1);
      return { text: input.text, labels: labelsFromDiagnosis(report.诊断 ?? "") };
    }),
    selfReports: lines("dxy_self_reports").map(example),
  };
}
