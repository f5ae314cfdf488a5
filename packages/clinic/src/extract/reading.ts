import { convert, converts, measures } from "../codes/index.ts";
import type { Observation, UnitEntry } from "../lexicon/index.ts";
import type { Part } from "./quantity.ts";

/** A number read as a measurement, in the canonical unit. */
export interface Reading {
  readonly low: number;
  readonly high: number;
}

/**
 * Reads a number under an observation: converts it from the printed unit or, where none is printed, from the unit that its size
 * fits. Undefined if the unit is another's or the value is not plausible.
 */
export function read(observation: Observation, part: Part, decimals: number): Reading | undefined {
  const canonical = measures.get(observation.code)!.unit;
  const printed = part.unit?.unit;
  const meant = printed === undefined ? "bare" : (observation.reads?.[printed] ?? printed);
  const unit = meant === "bare" ? bareUnit(observation, part, decimals) : meant;
  if (unit === undefined || !converts(unit, canonical)) return undefined;
  const low = round(convert(part.low, unit, canonical));
  const high = round(convert(part.high, unit, canonical));
  const [least, greatest] = observation.plausible;
  if (high < least || high > greatest || (low < least && part.low === part.high)) return undefined;
  return { low, high };
}

function bareUnit(observation: Observation, { low, high }: Part, decimals: number): string | undefined {
  const whole = decimals === 0;
  return observation.bare.find(
    ({ from, to, integer, decimals: digits }) =>
      high >= from &&
      high <= to &&
      (low >= from || low < high) &&
      (!integer || whole) &&
      (digits ?? decimals) === decimals,
  )?.unit;
}

/** Drops the noise of binary fractions: five significant digits say all that a note does. */
function round(value: number): number {
  return Number(value.toPrecision(6));
}

/** Whether a unit is one of time that may be an age. */
export function isTime(unit: UnitEntry | undefined): boolean {
  return unit?.age !== undefined;
}
