import type { ModelInput } from "../diagnosis/index.ts";
import { extract, type Item } from "../extract/index.ts";
import { maskDiseaseNames } from "./mask.ts";

/**
 * What a model sees of a note, in training as in use: the masked text, and stage 1's items of the note as it was, with what they
 * quote masked too.
 */
export function toModelInput(text: string, items: readonly Item[] = extract(text)): ModelInput {
  return { text: maskDiseaseNames(text), items: items.map(maskItem) };
}

function maskItem(item: Item): Item {
  const text = maskDiseaseNames(item.text);
  const result = item.result === undefined ? undefined : maskDiseaseNames(item.result);
  if (text === item.text && result === item.result) return item;
  return { ...item, text, ...(result === undefined ? {} : { result }) };
}

const ageCode = "30525-0";

/** The note's own first current age, months. */
export function ageOf(items: readonly Item[]): number | undefined {
  const item = items.find(({ code, status }) => code === ageCode && status === "current");
  if (!item) return undefined;
  return item.value ?? ((item.low ?? Number.NaN) + (item.high ?? Number.NaN)) / 2;
}
