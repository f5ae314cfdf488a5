/** A number bound to what it measures, before its status is known. */
export interface Finding {
  readonly code: string;
  readonly low: number;
  readonly high: number;
  /** Tokens, `to` exclusive. */
  readonly from: number;
  readonly to: number;
  /** Token of the name; `from` if there is none. */
  readonly nameAt: number;
  /** stated: named. inferred: from the unit, the size or a question. */
  readonly basis: "stated" | "inferred";
  /** A range in parentheses after a value. */
  readonly reference: boolean;
  /** Whether a unit stands with it. */
  readonly printed: boolean;
  /** An age that only its place in the line speaks for: another, firm one makes it how long something lasted. */
  readonly loose?: boolean;
}
