import type { Item } from "../extract/index.ts";

/** What a model sees of a note: always stage 1's own extraction, never a generator's truth. */
export interface ModelInput {
  /** The note with the names of diseases masked (src/examples). Same length as the note where offsets are to mean anything. */
  readonly text: string;
  readonly items: readonly Item[];
}

/** Anything that ranks: the fusion model and every baseline beside it. */
export interface DiagnosisModel {
  readonly name: string;
  /** [N][diseases] probabilities in 0…1, calibrated where the model was; NaN for a disease that the model was not trained on. */
  predict(inputs: readonly ModelInput[]): Promise<readonly (readonly number[])[]>;
}

/** A model from a directory, as results name it. */
export interface ModelIdentity {
  readonly name: string;
  readonly version: string;
  /** SHA-256 of the weights and the configuration, hex. */
  readonly hash: string;
  /** What it was trained on; `synthetic` makes every result say so. */
  readonly training: "synthetic" | "local" | "research";
}
