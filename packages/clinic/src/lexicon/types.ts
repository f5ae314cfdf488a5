import type { Status } from "../extract/item.ts";

/** How a number without a printed unit is read: in `unit`, if `from` ≤ number ≤ `to`. */
export interface BareReading {
  readonly unit: string;
  readonly from: number;
  readonly to: number;
  /** Only whole numbers. */
  readonly integer?: boolean;
  /** Only numbers printed with so many digits after the point. */
  readonly decimals?: number;
}

/** One measurement: what it is called and how its numbers are read. */
export interface Observation {
  /** One of the codes in src/codes/measures.ts. */
  readonly code: string;
  readonly names: readonly string[];
  /** Words that suggest the measurement without naming it: "fever 39.2". They never take a number from a name. */
  readonly hints?: readonly string[];
  /** Letters that name it only among other results: "T 38.5 P 120 R 30". */
  readonly short?: readonly string[];
  /** Units that name it by themselves: 38.5 ℃, 20 斤. */
  readonly alone?: readonly string[];
  /** Names that may follow their number: "82 neutrophils". */
  readonly after?: readonly string[];
  /** Names that count only where a word of the class `near` stands close by: "EKG: rate 72". */
  readonly contextual?: readonly { readonly word: string; readonly near: string }[];
  /** Names whose number is a pair, systolic over diastolic. */
  readonly pairs?: readonly string[];
  /** Takes the names of that code too; the number's unit or size then tells which of the two is meant. */
  readonly sharesNamesOf?: string;
  readonly bare: readonly BareReading[];
  /** Printed units that mean another under this name: 12 "g" of haemoglobin is g/dL. "bare" reads as if no unit were printed. */
  readonly reads?: Readonly<Record<string, string>>;
  /** Least and greatest value in the canonical unit; others are taken for something else. */
  readonly plausible: readonly [number, number];
  /** A number that no name precedes is this measurement where a line is written in the script. */
  readonly unlabelled?: {
    readonly script: "han";
    readonly from: number;
    readonly to: number;
    readonly decimals: number;
  };
  /** Not taken where the note speaks of another specimen. */
  readonly specimen?: "blood";
}

export interface UnitEntry {
  /** UCUM, or {annotation} for what is counted but never a result. */
  readonly unit: string;
  readonly spellings: readonly string[];
  /** Whether a number of these is an age by itself, or only where the context says so. */
  readonly age?: "always" | "maybe";
  /** Added to the number: half a year in 岁半. */
  readonly plus?: number;
}

/** Words that change what a number means, in the way of ConText (Harkema 2009): a cue, its side, its reach. */
export interface Cue {
  readonly status: Status;
  readonly why: string;
  /** Where the cue stands, seen from the number. */
  readonly side: "before" | "after";
  /** next: no word between; adjacent: at most one word between; near: the same clause and at most 6 words; phrase: 6 words, commas or not; clause: up to a comma; sentence. */
  readonly reach: "next" | "adjacent" | "near" | "phrase" | "clause" | "sentence";
  readonly words: readonly string[];
  /** Only these codes; all if absent. */
  readonly codes?: readonly string[];
  /** All codes but these. */
  readonly except?: readonly string[];
  /** A class of words, one of which must follow the number in its sentence. */
  readonly needs?: string;
  /** A class of words, one of which must stand before the number in its sentence. */
  readonly with?: string;
  /** Classes of words that, between cue and number, undo the cue. */
  readonly unless?: readonly string[];
  /** A class of words that, anywhere in the clause before the number, undoes the cue. */
  readonly unlessClause?: string;
  /** A class of words that, after the number in its sentence, undoes the cue. */
  readonly unlessAfter?: string;
  /** Void where the note has given the same value before as the patient's now. */
  readonly unlessSaid?: boolean;
  /** Only ranges. */
  readonly onlyRanges?: boolean;
}

export interface Section {
  readonly status: Status;
  readonly headers: readonly string[];
}

/** A qualitative test: its names, and the results that it may have. */
export interface QualitativeTest {
  readonly code: string;
  readonly display: string;
  readonly names: readonly string[];
  /** titre: also a titre, 1:160. finding: the words of `findings`, or the rest of the clause. */
  readonly result: "presence" | "titre" | "finding";
}

/** The file format: every part may be left out, and a hospital's own file adds to the one that ships. */
export interface LexiconFile {
  readonly observations?: readonly Observation[];
  readonly units?: readonly UnitEntry[];
  readonly words?: Readonly<Record<string, readonly string[]>>;
  readonly foreign?: readonly string[];
  /** One name for several measurements whose numbers follow in that order: "H and H 10 and 30". */
  readonly rows?: readonly { readonly names: readonly string[]; readonly codes: readonly string[] }[];
  readonly cues?: readonly Cue[];
  readonly sections?: readonly Section[];
  readonly tests?: readonly QualitativeTest[];
  readonly results?: Readonly<Record<string, readonly string[]>>;
  readonly findings?: readonly string[];
  /** Words that are an age by themselves, in months: 满月. */
  readonly ages?: Readonly<Record<string, number>>;
  /** Number words. */
  readonly numerals?: Readonly<Record<string, number>>;
  /** Traditional characters and variants beside their common form, in pairs: "體体溫温". */
  readonly variants?: string;
}
