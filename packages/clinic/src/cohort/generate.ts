import { diseases, type Language } from "../diagnosis/index.ts";
import { drawPatient, drawState, type Modality, posterior, randomOf } from "./model/index.ts";
import type { CohortRecord, Split } from "./record.ts";
import { addNoise, createWriter, familiesOf } from "./write/index.ts";

export interface CohortOptions {
  /** Whole number, 0 to 2^53 − 1. */
  readonly seed: number;
  readonly count: number;
  /** Index of the first patient. The same seed and index give the same note. Default 0. */
  readonly start?: number;
  /** Which split the notes are for: `heldOut` has templates of its own. Default "train". */
  readonly split?: Split;
  /** Default: half of each. */
  readonly language?: Language;
}

/**
 * Synthetic patients with their notes, by index: children of the causal model (data/*.json), written by one of the families of
 * templates (write/).
 *
 * @throws RangeError if a number is out of range
 * @example
 * for (const { text, labels } of generateCohort({ seed: 1, count: 2 })) console.log(labels, text);
 */
export function* generateCohort(options: CohortOptions): Generator<CohortRecord> {
  const { seed, count, start = 0 } = options;
  for (const [name, value] of Object.entries({ seed, count, start }))
    if (!Number.isSafeInteger(value) || value < 0)
      throw new RangeError(`${name} is ${value}, expected a whole number of 0 or more`);
  for (let index = start; index < start + count; index++) yield generateRecord(options, index);
}

function generateRecord({ seed, split = "train", language: only }: CohortOptions, index: number): CohortRecord {
  const { drawn, language, family, patient } = drawChild(seed, index, split, only);
  const random = randomOf(seed, index, 3);
  const writer = createWriter(random, patient, family);
  const clean = family.write(writer).trim();
  const unsaid = writer.unsaid();
  if (unsaid.length > 0) throw new Error(`family ${family.id} leaves out ${unsaid.join(", ")}`);
  const text = addNoise(random, polish(clean), language);
  const exact = posterior(patient);
  return {
    id: `${split}-${seed}-${index}`,
    language,
    text,
    labels: diseases.filter((disease) => drawn.state.conditions.includes(disease)),
    split,
    ageMonths: patient.ageMonths,
    posterior: Object.fromEntries(
      diseases.map((disease) => [disease, Math.round(exact[disease] * 1e6) / 1e6]),
    ) as CohortRecord["posterior"],
    truth: writer.truth,
    conditions: drawn.state.conditions,
    family: family.id,
    setting: patient.setting,
  };
}

/** Joins of phrases that nobody writes: "有有痰", "a 8-year-old". */
function polish(text: string): string {
  return text
    .replace(/(?:伴有|伴|有)(?=伴|有|可|无)/g, "")
    .replace(/\ba (?=(?:8|11|18)[- ])/g, "an ")
    .replace(/([。.]) *[，,;；]/g, "$1")
    .replace(/。。/g, "。");
}

/** The child alone, and the family of templates that decides how much of it is told. */
function drawChild(seed: number, index: number, split: Split, only?: Language) {
  const random = randomOf(seed, index, 1);
  const drawn = drawState(random);
  const half: Language = random.chance(0.5) ? "zh" : "en";
  const language = only ?? half;
  const family = random.pick(familiesOf(language, drawn.setting, split === "heldOut"));
  return { drawn, language, family, patient: drawPatient(randomOf(seed, index, 2), drawn, family.detail) };
}

/** The posterior of the same patients from a part of what their notes tell: for comparison of what words and values hold. */
export function* generatePosteriors(
  { seed, count, start = 0, split = "train", language }: CohortOptions,
  modality: Modality,
): Generator<CohortRecord["posterior"]> {
  for (let index = start; index < start + count; index++)
    yield posterior(drawChild(seed, index, split, language).patient, modality);
}
