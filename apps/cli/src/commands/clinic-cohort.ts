import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { parseArgs } from "node:util";
import {
  type CohortDescription,
  type CohortRecord,
  cohortHash,
  cohortLine,
  describeCohort,
  diseases,
  frozenCohort,
  frozenRecords,
  generateCohort,
  type Split,
} from "@baltoro/clinic";
import { UsageError } from "../usage.ts";
import type { Subcommand } from "./clinic-subcommand.ts";

export const cohort: Subcommand = {
  summary: "synthetic patients and their notes",
  usage: `baltoro clinic cohort [options]
  writes synthetic patients with their notes as JSON lines: the frozen cohort that the shipped model
  is trained and measured on, or new ones

  --split S      train, validation, test or heldOut; default all of the frozen cohort, train of a new one
  --seed N       new patients, with --count N of them
  --out FILE     default the standard output
  --describe     prevalence by age, what is stated, the ceiling and the hash, instead of the notes
  --json         --describe as JSON`,
  async run(args) {
    const { values } = parseArgs({
      args,
      options: {
        split: { type: "string" },
        seed: { type: "string" },
        count: { type: "string" },
        out: { type: "string" },
        describe: { type: "boolean" },
        json: { type: "boolean" },
      },
    });
    const split = splitOf(values.split);
    if (values.json && !values.describe)
      throw new UsageError("--json goes with --describe; notes are JSON lines as they are");
    if (values.describe && values.out !== undefined) throw new UsageError("--describe prints, and has no --out");
    const records = recordsOf(split, values.seed, values.count);
    if (values.describe) describe([...records], values.json ?? false);
    else await write(records, values.out);
    return 0;
  },
};

const splits = Object.keys(frozenCohort.counts) as Split[];

function splitOf(name: string | undefined): Split | undefined {
  if (name !== undefined && !splits.includes(name as Split))
    throw new UsageError(`--split ${name}: expected ${splits.join(", ")}`);
  return name as Split | undefined;
}

function recordsOf(
  split: Split | undefined,
  seed: string | undefined,
  count: string | undefined,
): Iterable<CohortRecord> {
  if (seed === undefined && count === undefined) return frozenRecords(split);
  if (seed === undefined || count === undefined)
    throw new UsageError(`--seed and --count go together: --${seed === undefined ? "seed" : "count"} is missing`);
  return generateCohort({ seed: whole("seed", seed), count: whole("count", count), split });
}

function whole(name: string, text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new UsageError(`--${name} ${text}: expected a whole number of 0 or more`);
  return value;
}

async function write(records: Iterable<CohortRecord>, path: string | undefined): Promise<void> {
  const stream = path === undefined ? process.stdout : createWriteStream(path);
  for (const record of records) if (!stream.write(`${cohortLine(record)}\n`)) await once(stream, "drain");
  if (path === undefined) return;
  stream.end();
  await finished(stream);
}

function describe(records: readonly CohortRecord[], json: boolean): void {
  const description = describeCohort(records);
  const sha256 = cohortHash(records);
  console.log(json ? JSON.stringify({ ...description, sha256 }) : lines(description, sha256).join("\n"));
}

/** The description for people. */
function lines(description: CohortDescription, sha256: string): string[] {
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`.padStart(7);
  const { count, diseasesEach, prevalence, byAge, stated, ceiling, ceilingMap } = description;
  const settings = Object.keys(stated);
  const codes = Object.keys(Object.values(stated)[0] ?? {});
  return [
    `${count} synthetic notes; none of the diseases ${percent(diseasesEach[0])}, one ${percent(diseasesEach[1])}, two ${percent(diseasesEach[2])}`,
    "",
    `age, years      notes  ${diseases.map((disease) => disease.padStart(10)).join(" ")}`,
    ...byAge.map(
      ({ from, to, count: n, prevalence: shares }) =>
        `${`${from} to ${to}`.padEnd(14)} ${String(n).padStart(6)}  ${diseases.map((disease) => percent(shares[disease]).padStart(10)).join(" ")}`,
    ),
    `all            ${String(count).padStart(6)}  ${diseases.map((disease) => percent(prevalence[disease]).padStart(10)).join(" ")}`,
    "",
    `stated (LOINC)  ${settings.map((setting) => setting.padStart(10)).join(" ")}`,
    ...codes.map(
      (code) =>
        `${code.padEnd(14)}  ${settings.map((setting) => percent(stated[setting][code] ?? 0).padStart(10)).join(" ")}`,
    ),
    "",
    `ceiling: average precision of the exact posterior ${diseases.map((disease) => `${disease} ${ceiling[disease].toFixed(3)}`).join(", ")}; mean ${ceilingMap.toFixed(4)}`,
    `sha256 ${sha256}`,
  ];
}
