import type { Language } from "../../diagnosis/index.ts";
import type { Setting } from "../model/index.ts";
import { chineseFamilies } from "./chinese.ts";
import { englishFamilies } from "./english.ts";
import type { Family } from "./family.ts";

export type { Family } from "./family.ts";
export { addNoise } from "./noise.ts";
export { createWriter } from "./writer.ts";

export const families: readonly Family[] = [...chineseFamilies, ...englishFamilies];

/** The families that a note of a setting may be written in. */
export function familiesOf(language: Language, setting: Setting, heldOut: boolean): readonly Family[] {
  return families.filter(
    (family) =>
      family.language === language && family.settings.includes(setting) && (family.heldOut ?? false) === heldOut,
  );
}
