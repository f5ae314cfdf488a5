import type { Item } from "../extract/index.ts";
import type { Disease, Language } from "./diseases.ts";
import type { ModelIdentity } from "./model.ts";

/** A part of the note: UTF-16 code units, `end` exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export type ScopeReason = "adult" | "age-unknown" | "not-respiratory";

/** A sign of danger, found by rules and not by the model. */
export interface RedFlag {
  /** Stable, in words: "spo2-low", "fast-breathing", "chest-indrawing". */
  readonly code: string;
  readonly severity: "emergency" | "urgent";
  readonly message: Readonly<Record<Language, string>>;
  /** The guideline. */
  readonly source: string;
  readonly spans: readonly Span[];
}

/** What in the note speaks for or against a disease. */
export interface Evidence extends Span {
  readonly kind: "text" | "value";
  /** Change of the disease's log-odds when this is taken out of the note, sign turned: positive speaks for it. */
  readonly weight: number;
  /** Index into `items`, of a value. */
  readonly item?: number;
}

/** A disease of the ranking. */
export interface Candidate {
  readonly disease: Disease;
  readonly icd10: string;
  readonly probability: number;
  /** 90 % interval of the share of patients with the disease among those whom the model gave about this probability. */
  readonly low: number;
  readonly high: number;
  /** In the conformal set. */
  readonly plausible: boolean;
  /** Strongest first. */
  readonly for: readonly Evidence[];
  readonly against: readonly Evidence[];
}

/** A test that the note lacks. */
export interface MissingTest {
  /** As `Item.code`. */
  readonly code: string;
  readonly display: Readonly<Record<Language, string>>;
  /** Expected information about the ranking, bits. */
  readonly gain: number;
  /** Expected absolute change of each disease's probability. */
  readonly change: Readonly<Record<Disease, number>>;
}

/** Everything that one note gives. `differential` is empty outside the scope. */
export interface Assessment {
  readonly schema: "baltoro.assessment/1";
  readonly model: ModelIdentity;
  readonly note: { readonly sha256: string; readonly characters: number; readonly language: Language };
  readonly patient: { readonly ageMonths?: number };
  readonly scope: { readonly inside: boolean; readonly reasons: readonly ScopeReason[] };
  readonly redFlags: readonly RedFlag[];
  readonly items: readonly Item[];
  /** Most probable first. */
  readonly differential: readonly Candidate[];
  /** Why no ranking should be leaned on, where the model is too unsure; the ranking is given all the same. */
  readonly abstention?: {
    readonly reason: "uncertain" | "little-information";
    readonly message: Readonly<Record<Language, string>>;
  };
  /** Most informative first. */
  readonly missing: readonly MissingTest[];
  /** To be shown with every result, in this order. */
  readonly notices: readonly Readonly<Record<Language, string>>[];
}

/** A note, judged. Never throws on any text below the limit. */
export interface Assessor {
  readonly model: ModelIdentity;
  assess(text: string, options?: AssessOptions): Promise<Assessment>;
  close(): Promise<void>;
}

export interface AssessOptions {
  /** Age where the caller knows it; else the note's own first current age. */
  readonly ageMonths?: number;
  /** Results that the caller has beside the note, from a FHIR bundle say. Their spans are empty. */
  readonly items?: readonly Item[];
}

/** Longest note that is assessed, in UTF-16 code units. */
export const maxNoteLength = 100_000;
