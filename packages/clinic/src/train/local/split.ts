import { createHash } from "node:crypto";
import type { LocalNote } from "./record.ts";

export interface LocalSplit {
  readonly train: readonly LocalNote[];
  readonly validation: readonly LocalNote[];
  readonly test: readonly LocalNote[];
}

/** Shares of the notes that choose the epoch and calibrate, and that judge the model. */
const validationShare = 0.15;
const testShare = 0.15;

/** Divides notes by patient, the same way every time; a note that says its own split keeps it. */
export function splitLocalNotes(notes: readonly LocalNote[]): LocalSplit {
  const split = { train: [] as LocalNote[], validation: [] as LocalNote[], test: [] as LocalNote[] };
  for (const note of notes) {
    const digest = createHash("sha256").update(note.patient).digest();
    const share = digest.readUInt32BE(0) / 2 ** 32;
    const drawn = share < testShare ? "test" : share < testShare + validationShare ? "validation" : "train";
    split[note.split ?? drawn].push(note);
  }
  return split;
}
