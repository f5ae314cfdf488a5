import type { Language } from "../../diagnosis/index.ts";
import type { Detail, Setting } from "../model/index.ts";
import type { Writer } from "./writer.ts";

/** A way of writing a note: its structure, its voice and how much it tells. */
export interface Family {
  readonly id: string;
  readonly language: Language;
  /** Written for the `heldOut` split alone. */
  readonly heldOut?: boolean;
  readonly settings: readonly Setting[];
  readonly detail: Detail;
  readonly voice: "clinical" | "parent";
  write(writer: Writer): string;
}
