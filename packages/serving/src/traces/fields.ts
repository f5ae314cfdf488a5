/** What is wrong with one line; the reader adds where. */
export class LineError extends Error {
  override name = "LineError";
}

/** A whole number of a field. @throws LineError that names it and its limits. */
export function wholeNumber(name: string, value: unknown, least: number, most = 2 ** 31 - 1): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most)
    throw new LineError(`${name} is ${show(value)}, expected a whole number from ${least} to ${most}`);
  return value;
}

/** A whole number written as text. @throws LineError */
export function wholeText(name: string, text: string | undefined, least: number): number {
  const value = text?.trim();
  return wholeNumber(name, value !== undefined && /^-?\d+$/.test(value) ? Number(value) : value, least);
}

/** A value as an error shows it, cut. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "missing";
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** Parses a line that must be an object. @throws LineError */
export function jsonObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new LineError(`not JSON: ${(error as Error).message}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new LineError(`${show(value)}, expected an object`);
  return value as Record<string, unknown>;
}

/**
 * Milliseconds of a time in one of the forms of logs: ISO 8601 or "2023-11-16 18:17:03.9799600" (UTC where no zone is
 * given, fractions of any length), or a number: seconds below 10¹¹, else ms, or µs above 10¹⁴.
 * @throws LineError
 */
export function timeMs(name: string, value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value) && value >= 0)
    return value < 1e11 ? value * 1000 : value < 1e14 ? value : value / 1000;
  if (typeof value === "string") {
    const parts = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d+)?\s?(Z|[+-]\d\d:?\d\d)?$/.exec(value.trim());
    if (parts) {
      const [, day, time, fraction = "", zone = "Z"] = parts;
      const ms = Date.parse(`${day}T${time}${zone}`);
      if (Number.isFinite(ms)) return ms + (fraction === "" ? 0 : Number(fraction) * 1000);
    }
    if (/^\d+(\.\d+)?$/.test(value.trim())) return timeMs(name, Number(value));
  }
  throw new LineError(`${name} is ${show(value)}, expected a time as 2024-05-10 09:30:00.125 or seconds since 1970`);
}
