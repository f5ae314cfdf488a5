/** Whose measurement a number is, and when: see labels/guide.md. */
export type Status = "current" | "past" | "other";

/** As FHIR's Quantity.comparator. */
export type Comparator = "<" | "<=" | ">=" | ">";

/** Where a value lies in the reference range for the patient's age. */
export type Flag = "L" | "N" | "H";

/** One result found in a note. Offsets are UTF-16 code units into the text as given, `end` exclusive. */
export interface Item {
  /** LOINC; of a qualitative test without a code here, our own name in words (src/lexicon/data/findings.json). */
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
  /** The words that say when, as they stand: "yesterday", 昨晚. */
  readonly time?: string;
  /** stated: named in the note. approximate: "about 39". inferred: from unit, size or the question before, without a name. */
  readonly certainty?: "stated" | "approximate" | "inferred";
  /** The value is a bound: "<0.5". */
  readonly comparator?: Comparator;
  /** Against the reference range for the patient's age (src/reference), of current values with a known age. */
  readonly flag?: Flag;
}
