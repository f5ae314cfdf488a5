import type { UnitEntry } from "../lexicon/index.ts";

/** The name that the next number belongs to. */
export interface Label {
  /** Indices of observations, the likelier first; empty for a measurement that is not reported. */
  readonly observations: readonly number[];
  /** name: says what it is. hint: suggests it. short: a letter. asked: a question before. */
  readonly strength: "name" | "hint" | "short" | "asked";
  readonly at: number;
  /** Its number may be systolic over diastolic. */
  readonly pair: boolean;
  /** It has had its number; others follow only in a row: 38.5, 39 → 37.2. */
  spent: boolean;
  /** Words passed since the name or its last number that have nothing to do with either. */
  cost: number;
  /** "percentage" or "absolute" after the name. */
  mark: "percent" | "count" | undefined;
  /** Names before this one that wait for their number too: "hemoglobin and hematocrit 15.3 and 46.5". */
  readonly waiting: readonly Label[];
  /** The name before, spent, which a number that this hint does not fit may continue. */
  readonly before: Label | undefined;
  /** The last value read under it, canonical. */
  last: number;
  /** The unit printed with it. */
  lastUnit: UnitEntry | undefined;
}

export function createLabel(
  observations: readonly number[],
  at: number,
  options: Partial<Pick<Label, "strength" | "pair" | "waiting" | "before">> = {},
): Label {
  return {
    ...{ observations, at, strength: "name", pair: false, waiting: [], before: undefined },
    ...options,
    ...{ spent: false, cost: 0, mark: undefined, last: Number.NaN, lastUnit: undefined },
  };
}

/** How far a number may stand from its name, in words that have nothing to do with either. */
export function reach(label: Label, unitPrinted: boolean): number {
  if (label.spent) return unitPrinted ? 2 : 0.8;
  if (label.strength === "name") return unitPrinted ? 6 : 2.6;
  return unitPrinted ? 4 : 1.4;
}
