import { FhirError } from "./reader.ts";

/** A FHIR date or dateTime. `precision` is how much of it was given. */
export interface PartialDate {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly precision: "year" | "month" | "day";
  /** Milliseconds since 1970, the start of the period that the date names. */
  readonly time: number;
}

const pattern = /^(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})?)?)?)?$/;

/** @throws FhirError */
export function parseDate(value: string, path: string): PartialDate {
  const found = pattern.exec(value);
  if (!found) throw new FhirError(path, "expected a date: YYYY, YYYY-MM, YYYY-MM-DD or a dateTime", "value");
  const [, year, month, day] = found;
  const calendar = new Date(Date.UTC(Number(year), Number(month ?? 1) - 1, Number(day ?? 1)));
  if (calendar.getUTCMonth() !== Number(month ?? 1) - 1 || calendar.getUTCDate() !== Number(day ?? 1)) {
    throw new FhirError(path, "there is no such day", "value");
  }
  const time = value.includes("T") ? Date.parse(value) : calendar.getTime();
  if (Number.isNaN(time)) throw new FhirError(path, "there is no such time", "value");
  return {
    year: Number(year),
    month: Number(month ?? 1),
    day: Number(day ?? 1),
    precision: day !== undefined ? "day" : month !== undefined ? "month" : "year",
    time,
  };
}

/**
 * Age in months: whole months by the calendar, so that a birthday is a whole number, and the rest as a share of a month. A birth date
 * without its day counts from the middle of the month; one without its month tells no child's age: undefined.
 */
export function ageInMonths(birth: PartialDate, at: PartialDate): number | undefined {
  if (birth.precision === "year" || at.precision === "year") return undefined;
  const birthDay = birth.precision === "month" ? 15 : birth.day;
  const atDay = at.precision === "month" ? 15 : at.day;
  const months = (at.year - birth.year) * 12 + at.month - birth.month;
  if (atDay >= birthDay) return months + (atDay - birthDay) / 31;
  // The month before may be shorter than the day of birth: its last day counts as the day.
  const length = new Date(Date.UTC(at.year, at.month - 1, 0)).getUTCDate();
  return months - 1 + (length - Math.min(birthDay, length) + atDay) / 31;
}
