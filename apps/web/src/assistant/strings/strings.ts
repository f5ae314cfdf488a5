import type { Disease, ModelIdentity, ScopeReason } from "@baltoro/clinic";
import type { Language } from "../../language/language.ts";
import type { Group } from "../result/measures.ts";

/** A thing that went wrong, as a person is told: what happened, then what to do. */
export interface Told {
  readonly title: string;
  readonly advice: string;
}

/** Every word of the Assistant page, in one language. */
export interface Strings {
  readonly language: Language;
  readonly page: string;
  readonly note: {
    readonly title: string;
    readonly placeholder: string;
    readonly label: string;
    readonly marked: string;
    readonly open: string;
    readonly drop: string;
    readonly edit: string;
    readonly clear: string;
    readonly previous: string;
    readonly age: string;
    readonly years: string;
    readonly months: string;
    readonly badAge: string;
    readonly assess: string;
    readonly assessAgain: string;
    readonly cancel: string;
    readonly count: (characters: number, most: number) => string;
    readonly tooLong: (characters: number, most: number) => string;
    readonly badFile: (name: string) => string;
    readonly bigFile: (name: string) => string;
    readonly empty: string;
    readonly readAs: Readonly<Record<Language, string>>;
  };
  readonly legend: {
    readonly title: string;
    readonly value: string;
    readonly for: (disease: string) => string;
    readonly against: (disease: string) => string;
    readonly flag: string;
    readonly hidden: string;
  };
  readonly intro: {
    readonly title: string;
    readonly does: string;
    readonly professional: string;
    readonly privacy: string;
    readonly examples: string;
    readonly synthetic: string;
  };
  readonly state: {
    readonly running: string;
    readonly cancelled: string;
    readonly changed: string;
    readonly stale: string;
    readonly done: (redFlags: number, values: number, candidates: number) => string;
    readonly results: string;
    readonly took: (milliseconds: number) => string;
    readonly more: (count: number) => string;
    readonly print: string;
    readonly keys: string;
  };
  readonly redFlags: {
    readonly title: string;
    readonly none: string;
    readonly emergency: string;
    readonly urgent: string;
    readonly source: string;
  };
  readonly differential: {
    readonly title: string;
    readonly hint: string;
    readonly interval: (low: string, high: string) => string;
    readonly plausible: string;
    readonly implausible: string;
    readonly noneLikely: string;
    readonly key: string;
    readonly diseases: Readonly<Record<Disease, { readonly name: string; readonly short: string }>>;
  };
  readonly evidence: {
    readonly title: (disease: string) => string;
    readonly for: string;
    readonly against: string;
    readonly none: string;
    readonly weight: (weight: string) => string;
    readonly hint: string;
  };
  readonly values: {
    readonly title: string;
    readonly none: string;
    readonly groups: Readonly<Record<Group, string>>;
    readonly test: string;
    readonly trend: string;
    readonly value: string;
    readonly range: string;
    readonly flags: Readonly<Record<"L" | "N" | "H", string>>;
    readonly unflagged: string;
    readonly past: string;
    readonly approximate: string;
    readonly inferred: string;
    readonly other: (count: number) => string;
    readonly otherHint: string;
    readonly notePlace: string;
    readonly results: Readonly<Record<string, string>>;
    readonly rangeSource: string;
    /** Short names by `Item.code`; those of a test unknown here are its code. */
    readonly names: Readonly<Record<string, string>>;
    readonly perMinute: string;
  };
  readonly missing: {
    readonly title: string;
    readonly hint: string;
    readonly noOrder: string;
    readonly none: string;
    readonly test: string;
    readonly gain: string;
    readonly bits: (bits: string) => string;
    readonly change: string;
    readonly points: (points: string) => string;
  };
  readonly scope: {
    readonly title: string;
    readonly reasons: Readonly<Record<ScopeReason, Told>>;
    readonly enterAge: string;
  };
  readonly abstention: { readonly uncertain: string; readonly littleInformation: string; readonly advice: string };
  readonly about: {
    readonly title: string;
    readonly model: string;
    readonly version: string;
    readonly hash: string;
    readonly noteHash: string;
    readonly training: Readonly<Record<ModelIdentity["training"], string>>;
    readonly trainedOn: string;
    readonly years: (years: number, months: number) => string;
    readonly ageUnknown: string;
    readonly age: string;
    readonly ageGiven: string;
    readonly language: string;
  };
  readonly print: {
    readonly title: string;
    readonly printed: string;
    readonly cut: (shown: number, all: number) => string;
    readonly more: (count: number) => string;
    readonly sign: string;
  };
  readonly keys: {
    readonly title: string;
    readonly close: string;
    readonly single: string;
    readonly acts: Readonly<Record<KeyAct, string>>;
    readonly names: { readonly arrows: string; readonly or: string };
  };
  readonly key: {
    readonly title: string;
    readonly refused: string;
    readonly label: string;
    readonly hint: string;
    readonly cancel: string;
    readonly use: string;
    readonly enter: string;
  };
  readonly problems: Readonly<Record<ProblemName, Told>> & {
    readonly again: string;
    readonly againIn: (label: string, seconds: number) => string;
    readonly dismiss: string;
    readonly kept: string;
  };
}

/** What the keyboard does on the page. */
export type KeyAct =
  | "assess"
  | "cancel"
  | "edit"
  | "redFlags"
  | "differential"
  | "values"
  | "missing"
  | "note"
  | "within"
  | "jump"
  | "help";

/** What can go wrong, as far as different things are to be done about it. */
export type ProblemName =
  | "offline"
  | "unauthorized"
  | "forbidden"
  | "tooLong"
  | "busy"
  | "notInstalled"
  | "noClinic"
  | "notReady"
  | "rejected"
  | "server"
  | "malformed";
