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
}
