/** Whether a finding that a note names is the patient's, now. Only `present` is. */
export type MentionStatus = "present" | "absent" | "possible" | "asked" | "past" | "family";

/** A finding named in a note: UTF-16 code units, `end` exclusive. */
export interface Mention {
  readonly code: string;
  readonly start: number;
  readonly end: number;
  readonly status: MentionStatus;
}

/** Words for findings: what a data file holds for one code. `{name}` stands for each word of the set of that name. */
export interface TermEntry {
  readonly code: string;
  readonly words: readonly string[];
  /** Words that a `no` before a comma does not deny: "no fever, lethargic". */
  readonly adjectives?: readonly string[];
}

/** A word that changes what is beside it. */
export interface ContextCue {
  readonly status: Exclude<MentionStatus, "present">;
  readonly side: "before" | "after";
  /**
   * clause: up to a comma. list: over commas, up to a word that begins anew (`stops`). sentence: up to its end, or, of what was, a word
   * that says now (`resumes`). adjacent: no more than three characters between; last: and the clause ends with it. tail: the end of a list that a denial opened.
   */
  readonly reach: "clause" | "list" | "sentence" | "adjacent" | "last" | "tail";
  readonly words: readonly string[];
}

export type Sets = Readonly<Record<string, readonly string[]>>;

/** The file data/context.json. */
export interface ContextFile {
  readonly sets: Sets;
  readonly cues: readonly ContextCue[];
  /** Words that look like a cue or a finding and are none. */
  readonly nothing: readonly string[];
  readonly stops: readonly string[];
  readonly resumes: readonly string[];
  /** In a question, words that ask for something else than whether. */
  readonly wh: readonly string[];
  readonly yes: readonly string[];
  readonly sections: readonly {
    readonly status: "current" | "past" | "family" | "possible";
    readonly headers: readonly string[];
  }[];
}
