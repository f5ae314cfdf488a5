import type { ModelInput } from "../diagnosis/index.ts";

/** A labelled note, ready for every model alike. */
export interface Example {
  readonly id: string;
  readonly input: ModelInput;
  /** Per disease, in the order of `diseases`: 1 has it, 0 has not, undefined not known of this source. */
  readonly labels: readonly (0 | 1 | undefined)[];
  readonly ageMonths?: number;
  /** The source's own label, for accuracy over all its classes. */
  readonly label?: string;
  /** Of a dialogue: who says what part of the text. */
  readonly turns?: readonly Turn[];
}

/** A part of a dialogue's text, UTF-16 code units, `end` exclusive. */
export interface Turn {
  readonly speaker: string;
  readonly start: number;
  readonly end: number;
}
