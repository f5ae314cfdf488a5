/**
 * Diagnosis: every model on the synthetic cohort and, where ../shared is there, five-fold on real dialogues.
 * `--quick`: one seed, one network. `--epochs N`: of each training of a network (default 2; the model that ships has more). `--only real|synthetic`.
 * `--cohort FILE`: the cohort as JSON lines.
 * `--out FILE`: everything measured as JSON (ids and scores of third-party notes, no text), kept after each model; `--resume` goes on from it,
 * for the same cohort. `--plots DIR`: pictures; with `--from FILE`
 * of what an earlier `--out` kept, without training anything.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  type CohortRecord,
  evaluateModel,
  exampleOfRecord,
  loadDiagnosisModel,
  readExamples,
  variantNames,
} from "@baltoro/clinic";
import { writeFileAtomic } from "@baltoro/training";
import type { BenchOptions, BenchResult, Check } from "./harness.ts";
import { writePlots } from "./parts/clinic/plots.ts";
import { measureReal } from "./parts/clinic/real.ts";
import { type Judged, measureSynthetic } from "./parts/clinic/synthetic.ts";

const data = join(process.env["BALTORO_DATA"] ?? join(import.meta.dirname, "../../shared/data"), "clinic");
const shipped = join(import.meta.dirname, "../models/clinic-fusion");

/** Of one training of a network: 7 variants and 3 seeds end within an hour so, and give the same figures on a slow machine as on a fast one. */
const defaultEpochs = 2;

export async function run({ args }: BenchOptions): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...{ quick: { type: "boolean" }, only: { type: "string" } },
      ...{ cohort: { type: "string" }, out: { type: "string" } },
      epochs: { type: "string" },
      ...{ plots: { type: "string" }, from: { type: "string" }, resume: { type: "boolean" } },
    } as const,
  });
  if (values.from !== undefined) {
    const kept: unknown = JSON.parse(readFileSync(values.from, "utf8"));
    return { figures: {}, checks: [], lines: writePlots(kept, values.plots ?? "runs-out/clinic-plots") };
  }
  const epochs = Number(values.epochs ?? defaultEpochs);
  if (!Number.isInteger(epochs) || epochs < 1)
    throw new RangeError(`--epochs is ${values.epochs}, expected a whole number above 0`);
  const started = performance.now();
  const progress = (message: string) =>
    console.error(`${((performance.now() - started) / 60e3).toFixed(1)} min  ${message}`);
  const figures: Record<string, unknown> = {};
  const checks: Check[] = [];
  const lines: string[] = [];
  if (values.only !== "real") {
    if (values.cohort === undefined) {
      figures.syntheticSkipped = "--cohort FILE names no cohort";
      lines.push("skipped the synthetic part: --cohort FILE names no cohort", "");
    } else {
      const records = readFileSync(values.cohort, "utf8")
        .split("\n")
        .filter((line) => line.trim() !== "")
        .map((line) => JSON.parse(line) as CohortRecord);
      // What models read: it changes with the extractor too.
      const cohort = createHash("sha256")
        .update(JSON.stringify(records.map(exampleOfRecord)))
        .digest("hex");
      const { out } = values;
      const keep = (judged: readonly Judged[]) => {
        if (out !== undefined) writeFileAtomic(out, JSON.stringify({ synthetic: { cohort, judged } }));
      };
      const synthetic = await measureSynthetic(records, {
        ...{ keep, judged: values.resume ? judgedBefore(out, cohort) : [] },
        seeds: values.quick ? [1] : [1, 2, 3],
        networks: values.quick ? ["fusion"] : variantNames,
        epochs,
        progress,
      });
      figures.synthetic = { cohort, ...synthetic.figures };
      lines.push(...synthetic.lines);
    }
  }
  if (values.only !== "synthetic") {
    const real = measureReal(data, progress);
    if (real) {
      figures.real = real.figures;
      checks.push(...real.checks);
      lines.push(...real.lines, "");
      if (existsSync(shipped)) figures.zeroShot = await zeroShot(lines);
    } else lines.push(`skipped the real part: ${data} is absent; BALTORO_DATA names another place`);
  }
  if (values.out !== undefined) writeFileSync(values.out, JSON.stringify(figures));
  if (values.plots !== undefined) lines.push(...writePlots(figures, values.plots));
  return { figures: withoutPredictions(figures), checks, lines };
}

/** What an earlier run kept. @throws if there is nothing, or of another cohort */
function judgedBefore(out: string | undefined, cohort: string): readonly Judged[] {
  if (out === undefined) throw new Error("--resume goes on from --out FILE, which is missing");
  const kept = JSON.parse(readFileSync(out, "utf8")) as { synthetic?: { cohort?: string; judged?: Judged[] } };
  if (kept.synthetic?.cohort !== cohort)
    throw new Error(
      `${out} is of another cohort, or of what another version of the extractor found in it: remove it, or leave --resume out`,
    );
  return kept.synthetic.judged ?? [];
}

/** The shipped model on real notes that it never saw. */
async function zeroShot(lines: string[]): Promise<Record<string, unknown>> {
  const model = await loadDiagnosisModel(shipped);
  try {
    const found: Record<string, unknown> = {};
    for (const set of ["imcs_dialogues", "imcs_reports", "dxy_self_reports"]) {
      const { examples } = await readExamples(join(data, `${set}.jsonl`));
      const known = examples.filter(({ labels }) => labels.some((label) => label !== undefined));
      const { meanAveragePrecision, diseases } = await evaluateModel(model, known);
      found[set] = { meanAveragePrecision, diseases };
      lines.push(`zero-shot, shipped model on ${set}: mean average precision ${meanAveragePrecision.value.toFixed(3)}`);
    }
    return found;
  } finally {
    await model.close();
  }
}

/** The last line is for machines to keep: predictions go to --out. */
function withoutPredictions(value: unknown): Record<string, unknown> {
  return JSON.parse(
    JSON.stringify(value, (key, inner: unknown) =>
      key === "predictions" || key === "riskCoverage" ? undefined : inner,
    ),
  ) as Record<string, unknown>;
}
