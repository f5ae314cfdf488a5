/** A linear conversion: canonical = value × factor + offset. */
interface Conversion {
  readonly factor: number;
  readonly offset?: number;
}

/** Days in a mean month of the Gregorian calendar, 365.25 / 12. */
const daysPerMonth = 30.4375;

/** From each UCUM unit to the units that it may be converted to. A unit converts to itself. */
const conversions: Readonly<Record<string, Readonly<Record<string, Conversion>>>> = {
  "[degF]": { Cel: { factor: 5 / 9, offset: -160 / 9 } },
  kPa: { "mm[Hg]": { factor: 7.50062 } },
  "cm[H2O]": { "mm[Hg]": { factor: 0.735559 } },
  g: { kg: { factor: 0.001 } },
  "[lb_av]": { kg: { factor: 0.45359237 } },
  "[oz_av]": { kg: { factor: 0.45359237 / 16 } },
  // 市斤 and 市两 of the People's Republic of China: half a kilogram and a tenth of it.
  "[jin]": { kg: { factor: 0.5 } },
  "[liang]": { kg: { factor: 0.05 } },
  "10*3/uL": { "10*9/L": { factor: 1 } },
  "10*6/uL": { "10*9/L": { factor: 1000 } },
  "10*6/L": { "10*9/L": { factor: 0.001 } },
  "10*6/mL": { "10*9/L": { factor: 1 } },
  "10*4/uL": { "10*9/L": { factor: 10 } },
  "/uL": { "10*9/L": { factor: 0.001 } },
  "1": { "%": { factor: 100 } },
  "g/dL": { "g/L": { factor: 10 } },
  // Haemoglobin (Fe), 16.114 g/mmol.
  "mmol/L": { "g/L": { factor: 16.114 } },
  "mg/dL": { "mg/L": { factor: 10 } },
  "ug/mL": { "mg/L": { factor: 1 }, "ng/mL": { factor: 1000 } },
  "ng/mL": { "mg/L": { factor: 0.001 } },
  "ug/L": { "ng/mL": { factor: 1 }, "mg/L": { factor: 0.001 } },
  "pg/mL": { "ng/mL": { factor: 0.001 } },
  a: { mo: { factor: 12 } },
  wk: { mo: { factor: 7 / daysPerMonth } },
  d: { mo: { factor: 1 / daysPerMonth } },
  h: { mo: { factor: 1 / 24 / daysPerMonth } },
};

/** Whether a value in `from` can be given in `to`, both UCUM. */
export function converts(from: string, to: string): boolean {
  return from === to || conversions[from]?.[to] !== undefined;
}

/**
 * A value in another unit.
 *
 * @throws RangeError if there is no such conversion
 */
export function convert(value: number, from: string, to: string): number {
  if (from === to) return value;
  const conversion = conversions[from]?.[to];
  if (!conversion) throw new RangeError(`there is no conversion from ${from} to ${to}`);
  return value * conversion.factor + (conversion.offset ?? 0);
}

/** Units that some conversion starts from or ends in: those that a lexicon may name. */
export const knownUnits: ReadonlySet<string> = new Set(
  Object.entries(conversions)
    .flatMap(([from, to]) => [from, ...Object.keys(to)])
    .concat("/min", "mm/h", "[pH]"),
);
