import { createHash } from "node:crypto";
import { generateCohort } from "./generate.ts";
import type { CohortRecord, Split } from "./record.ts";

/** The cohort that models are trained and measured on: made again from these numbers, and never changed. */
export const frozenCohort = {
  seed: 2108_10818,
  counts: { train: 8000, validation: 1000, test: 2000, heldOut: 1000 },
  /** Of `cohortHash` over all splits in this order. */
  sha256: "542e593fe12280fb3dd00e14d363436cf354c45afd5206c1613d390506875249",
} as const;

/** The frozen cohort, or one split of it. Splits share no patient: each begins at an index of its own. */
export function* frozenRecords(only?: Split): Generator<CohortRecord> {
  let start = 0;
  for (const split of ["train", "validation", "test", "heldOut"] as const) {
    const count = frozenCohort.counts[split];
    if (only === undefined || only === split) yield* generateCohort({ seed: frozenCohort.seed, count, start, split });
    start += count;
  }
}

/** A record as the one line that is hashed and written: members in a fixed order. */
export function cohortLine(record: CohortRecord): string {
  return JSON.stringify(record, (_, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}

/** SHA-256, hex, over the lines of the records, each ended by a newline. */
export function cohortHash(records: Iterable<CohortRecord>): string {
  const hash = createHash("sha256");
  for (const record of records) hash.update(`${cohortLine(record)}\n`);
  return hash.digest("hex");
}
