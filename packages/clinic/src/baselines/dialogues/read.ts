import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Example, type Label, labelsFromDiagnosis, parseExample } from "../../examples/index.ts";
import { namedDiseases, type Utterance } from "./named.ts";
import type { Symptoms } from "./symptoms.ts";

/** The real research sets, as the dialogue models read them. */
export interface ResearchSets {
  /** 833 dialogues: masked text and label; for training only, annotated symptoms and diseases named (`namedDiseases`). */
  readonly dialogues: readonly (Pick<Example, "id" | "labels" | "input"> & {
    readonly label: string;
    readonly symptoms: Symptoms;
    readonly named: readonly number[];
  })[];
  /** Other cases: label and annotated symptoms, no text. */
  readonly vectors: readonly { readonly label: string; readonly symptoms: Symptoms }[];
  /** Other dialogues: masked text, the diagnosis of the report and its diseases. */
  readonly reported: readonly {
    readonly text: string;
    readonly diagnosis: string;
    readonly labels: readonly Label[];
    readonly named: readonly number[];
  }[];
  /** Self-reports of another site: masked text and labels. */
  readonly selfReports: readonly Pick<Example, "labels" | "input">[];
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
      const read = example(line, i);
      const { label, symptoms, utterances } = JSON.parse(line) as {
        label: string;
        symptoms: Symptoms;
        utterances: readonly Utterance[];
      };
      return { ...read, label, symptoms, named: namedDiseases(utterances) };
    }),
    vectors: lines("imcs_symptoms").map((line) => JSON.parse(line) as { label: string; symptoms: Symptoms }),
    reported: lines("imcs_reports").map((line, i) => {
      const { utterances, report } = JSON.parse(line) as {
        utterances: readonly Utterance[];
        report: { 诊断?: string };
      };
      const { input } = parseExample(JSON.stringify({ utterances }), i + 1);
      const diagnosis = report.诊断 ?? "";
      return { text: input.text, diagnosis, labels: labelsFromDiagnosis(diagnosis), named: namedDiseases(utterances) };
    }),
    selfReports: lines("dxy_self_reports").map(example),
  };
}
