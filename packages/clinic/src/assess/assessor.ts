import { createHash } from "node:crypto";
import { join } from "node:path";
import {
  type Assessment,
  type AssessOptions,
  type Assessor,
  type Candidate,
  diseaseNames,
  diseases,
  type Language,
  type ModelIdentity,
  maxNoteLength,
} from "../diagnosis/index.ts";
import { toModelInput } from "../examples/index.ts";
import { extract } from "../extract/index.ts";
import { defaultLexicon, type Lexicon } from "../lexicon/index.ts";
import { loadDiagnosisModel } from "../train/index.ts";
import { type ExplainableModel, type Explained, explain, unitsOf } from "./evidence/index.ts";
import { explainable } from "./fusion.ts";
import { missingTests } from "./missing/index.ts";
import { abstentionWords, noticesFor } from "./notices.ts";
import { patientAge } from "./patient-age.ts";
import { informationIn, intervalAt, type Profile, readProfile, unsureness } from "./profile/index.ts";
import { findRedFlags } from "./red-flags/index.ts";
import { scopeReasons } from "./scope/index.ts";

export interface AssessorOptions {
  /** Default: the model that ships. */
  readonly modelDirectory?: string;
  /** Default: the one that ships. */
  readonly lexicon?: Lexicon;
  /** Processor threads of the model. Default 1. */
  readonly threads?: number;
}

/** The model that ships. */
export const defaultModelDirectory = join(import.meta.dirname, "../../../../models/clinic-fusion");

/**
 * Opens the assessor: from a note to values, red flags, a ranked differential with evidence, and what is missing. It runs on this machine
 * only.
 *
 * @throws Error if the model cannot be read, naming the file
 * @example
 * const assessor = await createAssessor();
 * const { redFlags, differential } = await assessor.assess("患儿，3岁，咳嗽5天，发热2天，R 46次/分，双肺可闻及湿啰音。");
 * await assessor.close();
 */
export async function createAssessor({
  modelDirectory = defaultModelDirectory,
  lexicon,
  threads = 1,
}: AssessorOptions = {}): Promise<Assessor> {
  const loaded = await loadDiagnosisModel(modelDirectory, { threads });
  const profile = await readProfile(join(modelDirectory, "assess.json"));
  return assessorOf({
    ...{ model: explainable(loaded), identity: loaded.identity, profile, lexicon },
    close: () => loaded.close(),
  });
}

/** The parts of an assessor, whatever its model. */
export interface AssessorParts {
  readonly model: ExplainableModel;
  readonly identity: ModelIdentity;
  readonly profile?: Profile;
  readonly lexicon?: Lexicon;
  close?(): Promise<void>;
}

/** An assessor of a model that is there already. */
export function assessorOf(parts: AssessorParts): Assessor {
  const lexicon = parts.lexicon ?? defaultLexicon();
  return {
    model: parts.identity,
    assess: (text, options = {}) => assess({ ...parts, lexicon }, text, options),
    close: async () => parts.close?.(),
  };
}

async function assess(
  { model, identity, profile, lexicon }: AssessorParts & { readonly lexicon: Lexicon },
  text: string,
  options: AssessOptions,
): Promise<Assessment> {
  if (text.length > maxNoteLength)
    throw new RangeError(`the note has ${text.length} characters, more than the ${maxNoteLength} that are assessed`);
  const { items: beside = [] } = options;
  const own = extract(text, { lexicon, ageMonths: options.ageMonths });
  const items = [...own, ...beside];
  const ageMonths = options.ageMonths ?? patientAge(text, items);
  const reasons = scopeReasons(text, ageMonths);
  const inside = reasons.length === 0;
  const input = toModelInput(text, items);
  const end = inside ? (model.reach?.(input).end ?? text.length) : text.length;
  const explained = inside
    ? await explain(model, input, unitsOf(lexicon.normalize(text), items, end), text)
    : undefined;
  const abstention = explained && abstentionOf(explained.probabilities, informationIn(text, items), profile);
  return {
    schema: "baltoro.assessment/1",
    model: identity,
    note: {
      sha256: createHash("sha256").update(text).digest("hex"),
      characters: text.length,
      language: languageOf(text),
    },
    patient: ageMonths === undefined ? {} : { ageMonths },
    scope: { inside, reasons },
    redFlags: findRedFlags(text, items, ageMonths),
    items,
    differential: explained ? rank(explained, profile) : [],
    ...(abstention && { abstention }),
    missing:
      explained && profile && ageMonths !== undefined
        ? missingTests(items, explained.probabilities, ageMonths, profile.tests, text)
        : [],
    notices: noticesFor(identity, { hasProfile: profile !== undefined, unread: text.slice(end).trim().length }),
  };
}

/** The candidates that the model knows, the most probable first. */
function rank(explained: Explained, profile: Profile | undefined): Candidate[] {
  const candidates = diseases.flatMap((disease, c): Candidate[] => {
    const probability = explained.probabilities[c];
    if (Number.isNaN(probability)) return [];
    const known = profile?.diseases[disease];
    return [
      {
        ...{ disease, icd10: diseaseNames[disease].icd10, probability },
        ...(known ? intervalAt(known, probability) : { low: 0, high: 1 }),
        plausible: known ? probability >= known.conformal.threshold : true,
        for: explained.for[c],
        against: explained.against[c],
      },
    ];
  });
  return candidates.sort((a, b) => b.probability - a.probability);
}

function abstentionOf(
  probabilities: readonly number[],
  information: number,
  profile: Profile | undefined,
): Assessment["abstention"] {
  const limits = profile?.abstention;
  if (!limits) return undefined;
  const reason =
    information < limits.leastInformation
      ? "little-information"
      : unsureness(probabilities) >= limits.unsure
        ? "uncertain"
        : undefined;
  return reason && { reason, message: abstentionWords[reason] };
}

/** Chinese where Chinese characters are at least a tenth of the letters of its beginning. */
function languageOf(text: string): Language {
  let han = 0;
  let letters = 0;
  for (let at = 0; at < Math.min(text.length, 4000); at++) {
    const code = text.charCodeAt(at);
    if (code >= 0x3400 && code <= 0x9fff) han++;
    else if ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a) letters++;
  }
  return han > 0 && han * 9 >= letters ? "zh" : "en";
}
