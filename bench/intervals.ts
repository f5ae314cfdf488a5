/**
 * The intervals that an assessment states beside its probabilities: does the share of notes with the disease, among test notes of about the
 * same probability, lie inside them? Bins of equal numbers of notes, for each disease.
 *
 *     npm run bench intervals [-- --model DIR --bins N]
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  type CohortRecord,
  type DiagnosisModel,
  defaultModelDirectory,
  diseases,
  exampleOfRecord,
  expectedCalibrationError,
  frozenRecords,
  intervalAt,
  loadDiagnosisModel,
  type Profile,
  readProfile,
  reliabilityBins,
  shareInterval,
} from "@baltoro/clinic";
import { type BenchOptions, type BenchResult, textTable } from "./harness.ts";

interface Bin {
  readonly notes: number;
  readonly predicted: number;
  readonly observed: number;
  /** Means of the stated bounds. */
  readonly low: number;
  readonly high: number;
  readonly inside: boolean;
  /** The stated interval and the 95 % interval of the observed share have a part in common. */
  readonly compatible: boolean;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function binsOf(
  rows: readonly { p: number; label: 0 | 1 }[],
  known: NonNullable<Profile["diseases"]["rti"]>,
  count: number,
): Bin[] {
  const sorted = rows.toSorted((a, b) => a.p - b.p);
  return Array.from({ length: count }, (_, b) => {
    const own = sorted.slice(Math.round((b * sorted.length) / count), Math.round(((b + 1) * sorted.length) / count));
    const stated = own.map(({ p }) => intervalAt(known, p));
    const [low, high] = [mean(stated.map((one) => one.low)), mean(stated.map((one) => one.high))];
    const ill = own.reduce((sum, { label }) => sum + label, 0);
    const observed = ill / own.length;
    const [least, most] = shareInterval(ill, own.length);
    return {
      ...{ notes: own.length, predicted: mean(own.map(({ p }) => p)), observed, low, high },
      ...{ inside: low <= observed && observed <= high, compatible: least <= high && low <= most },
    };
  });
}

async function judge(model: DiagnosisModel, profile: Profile, split: CohortRecord["split"], bins: number) {
  const examples = Array.from(frozenRecords(split), exampleOfRecord);
  const probabilities = await model.predict(examples.map(({ input }) => input));
  return diseases.flatMap((disease, c) => {
    const known = profile.diseases[disease];
    if (!known) return [];
    const rows = examples.flatMap(({ labels }, n) =>
      labels[c] === undefined ? [] : [{ p: probabilities[n][c], label: labels[c] }],
    );
    const list = binsOf(rows, known, bins);
    const error = expectedCalibrationError(
      reliabilityBins(
        rows.map(({ p }) => p),
        rows.map(({ label }) => label),
      ),
    );
    return [{ split, disease, bins: list, calibrationError: error }];
  });
}

export async function run({ args }: BenchOptions): Promise<BenchResult> {
  const { values } = parseArgs({ args: [...args], options: { model: { type: "string" }, bins: { type: "string" } } });
  const directory = values.model ?? defaultModelDirectory;
  const profile = existsSync(directory) ? await readProfile(join(directory, "assess.json")) : undefined;
  if (!profile) {
    const skipped = `${directory} has no assess.json: \`baltoro clinic train\` makes it, --model DIR names another model`;
    return { figures: { skipped }, checks: [], lines: [`skipped: ${skipped}`] };
  }
  const model = await loadDiagnosisModel(directory, { threads: 2 });
  const parts = [];
  for (const split of ["test", "heldOut"] as const)
    parts.push(...(await judge(model, profile, split, Number(values.bins ?? 10))));
  await model.close();
  const rows = parts.map(({ split, disease, bins, calibrationError }) => [
    ...[split, disease, `${bins.filter(({ inside }) => inside).length} of ${bins.length}`],
    `${bins.filter(({ compatible }) => compatible).length} of ${bins.length}`,
    mean(bins.map(({ low, high }) => high - low)).toFixed(3),
    Math.max(...bins.map(({ low, high, observed }) => Math.max(low - observed, observed - high, 0))).toFixed(3),
    calibrationError.toFixed(3),
  ]);
  const header = [
    "notes",
    "disease",
    "bins inside",
    "compatible",
    "mean width",
    "furthest outside",
    "calibration error",
  ];
  return {
    figures: { model: model.identity, parts },
    checks: [],
    lines: [
      ...textTable(header, rows),
      "",
      ...textTable(
        ["notes", "disease", "predicted", "observed", "stated", ""],
        parts.flatMap(({ split, disease, bins }) =>
          bins.map(({ predicted, observed, low, high, inside }) => [
            ...[split, disease, predicted.toFixed(3), observed.toFixed(3)],
            ...[`${low.toFixed(3)}–${high.toFixed(3)}`, inside ? "" : "outside"],
          ]),
        ),
      ),
    ],
  };
}
