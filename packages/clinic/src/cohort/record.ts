import type { Disease, Language } from "../diagnosis/index.ts";

export type Split = "train" | "validation" | "test" | "heldOut";

/** One synthetic patient, a line of a cohort file. `text` and `labels` are what a model is trained on; the rest is for judging it. */
export interface CohortRecord {
  readonly id: string;
  readonly language: Language;
  readonly text: string;
  /** None, one, or several. */
  readonly labels: readonly Disease[];
  /** `heldOut`: written with templates that no training note uses. */
  readonly split: Split;
  readonly ageMonths: number;
  /** P(disease | all that the note was written from), by the generator's own rules: the ceiling of any model. */
  readonly posterior: Readonly<Record<Disease, number>>;
  /** The values that the note states, in canonical units, by LOINC code. Never an input of a model. */
  readonly truth: Readonly<Record<string, number | string>>;
  /** All that the child has, the four diseases and others. Never an input of a model. */
  readonly conditions: readonly string[];
  /** The family of templates. */
  readonly family: string;
  readonly setting: string;
}
