/** Whose measurement a number is, and when: see labels/guide.md. */
export type Status = "current" | "past" | "other";

/** One result found in a note. Offsets are UTF-16 code units into the text as given, `end` exclusive. */
export interface Item {
  /** LOINC. */
  readonly code: string;
  /** In `unit`. A range has `low` and `high` instead. */
  readonly value?: number;
  readonly low?: number;
  readonly high?: number;
  /** UCUM, always the code's canonical unit; empty for a qualitative result. */
  readonly unit: string;
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly status: Status;
  /** Of a qualitative test: positive, negative, indeterminate, a titre, or the finding as stated. */
  readonly result?: string;
}
