import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import {
  addProfile,
  type CohortRecord,
  type Example,
  evaluateModel,
  evaluationLines,
  exampleOfNote,
  exampleOfRecord,
  frozenCohort,
  frozenRecords,
  modelCard,
  readLocalNotes,
  removeCheckpoint,
  saveDiagnosisModel,
  splitLocalNotes,
  type TrainedModel,
  trainDiagnosisModel,
} from "@baltoro/clinic";
import { createProgress } from "@baltoro/training";
import { integerOption, numberOption, UsageError } from "../usage.ts";
import type { Subcommand } from "./clinic-subcommand.ts";

/** Notes of three kinds, and what is said of them. */
interface TrainingData {
  readonly train: readonly Example[];
  readonly validation: readonly Example[];
  readonly test: readonly Example[];
  /** Notes written with templates that no training note uses. */
  readonly heldOut?: readonly Example[];
  readonly trainedOn: "synthetic" | "local";
  readonly name: string;
  readonly source: string;
}

/** Fewest notes that a model is trained on: below, its figures would say nothing. */
const fewestNotes = 60;

export const train: Subcommand = {
  summary: "a diagnosis model on a hospital's own notes, or on the synthetic cohort",
  usage: `baltoro clinic train [--data DIR|FILE] [options]
  trains a diagnosis model on a hospital's own notes and prints how good it is on those kept back;
  without --data on the synthetic cohort, as the model that ships

  --data DIR|FILE  .jsonl (a note a line: text, and labels or diagnosis; or a FHIR Bundle), .csv with such columns,
                   .json (Bundles with DocumentReference, Observation, Condition). Fields: id, patient, split too
  --out DIR        where the model goes (default runs-out/NAME)
  --seed N         (default 1)
  --minutes N      end by then with a shorter schedule
  --threads N      processor threads (default all)
  --profile        train nothing: fit assess.json (intervals, thresholds, distributions of tests) for the model in --out anew,
                   from the same --data that it was trained on
  --resume         go on from the last whole epoch in --out, with the same --data and --seed

  Ctrl-C stops after the step under way; --resume goes on.`,
  async run(args) {
    const { values } = parseArgs({
      args,
      options: {
        data: { type: "string" },
        out: { type: "string" },
        seed: { type: "string" },
        minutes: { type: "string" },
        threads: { type: "string" },
        resume: { type: "boolean" },
        profile: { type: "boolean" },
      },
    });
    const seed = integerOption("seed", values.seed, 0) ?? 1;
    const minutes = numberOption("minutes", values.minutes, 0.1);
    const threads = integerOption("threads", values.threads);
    if (values.resume && minutes !== undefined)
      throw new UsageError("--resume and --minutes do not go together: a limit shortens the schedule");
    const data = values.data === undefined ? cohortData() : await localData(values.data);
    if (!data) return 1;
    const out = values.out ?? join("runs-out", data.name);
    if (values.profile) {
      await addProfile(out, { ...data, ...(threads !== undefined && { threads }) });
      console.log(`${join(out, "assess.json")} from ${data.train.length} and ${data.validation.length} notes`);
      return 0;
    }
    console.log(
      `${data.train.length} notes to train on, ${data.validation.length} to choose and calibrate, ${data.test.length} to judge`,
    );
    const trained = await trainWithProgress(data, { seed, minutes, threads, out, resume: values.resume ?? false });
    if (!trained) return 130;
    try {
      return await finish(trained, data, out, ["npx baltoro clinic train", ...args].join(" "));
    } finally {
      await trained.close();
    }
  },
};

/** The frozen synthetic cohort, as the model that ships was trained on it. */
function cohortData(): TrainingData {
  const of = (split: CohortRecord["split"]) => Array.from(frozenRecords(split), exampleOfRecord);
  return {
    ...{ train: of("train"), validation: of("validation"), test: of("test"), heldOut: of("heldOut") },
    ...{ trainedOn: "synthetic", name: "clinic-fusion" },
    source: `A synthetic cohort of Chinese and English notes, made by \`baltoro clinic cohort\` (seed ${frozenCohort.seed}, SHA-256
\`${frozenCohort.sha256}\`), from published epidemiology where there is some and judgement where there is none.`,
  };
}

async function localData(path: string): Promise<TrainingData | undefined> {
  const { notes, errors, wrong } = await readLocalNotes(path);
  for (const error of errors) console.error(error);
  if (wrong > errors.length) console.error(`and ${wrong - errors.length} more`);
  if (wrong > 0) console.error(`${wrong} ${wrong === 1 ? "record was" : "records were"} left out`);
  const other = notes.filter((note) => note.other).length;
  console.log(`${notes.length} notes read from ${path}, ${other} of them with none of the four diseases`);
  const split = splitLocalNotes(notes);
  const examples = (list: typeof notes) => list.map(exampleOfNote);
  const data = {
    ...{ train: examples(split.train), validation: examples(split.validation), test: examples(split.test) },
    ...{ trainedOn: "local" as const, name: `clinic-${nameOf(path)}` },
    source: `${notes.length} notes of ${basename(path)}, divided by patient.`,
  };
  const why = unfit(data, notes.length);
  if (why === undefined) return data;
  console.error(`${path}: ${why}`);
  return undefined;
}

function nameOf(path: string): string {
  return (
    basename(path)
      .replace(/\.\w+$/, "")
      .replaceAll(/[^\w-]+/g, "-") || "model"
  );
}

/** Why a model of these notes would be of no use. */
function unfit({ train: examples, validation, test }: TrainingData, count: number): string | undefined {
  if (count < fewestNotes) return `${count} usable notes are too few to train on: at least ${fewestNotes} are needed`;
  const parts = { training: examples, validation, test };
  for (const [name, list] of Object.entries(parts)) if (list.length === 0) return `no note is left for ${name}`;
  if (!examples.some(({ labels }) => labels.includes(1))) return "no training note has one of the four diseases";
  return undefined;
}

interface TrainSettings {
  readonly seed: number;
  readonly minutes: number | undefined;
  readonly threads: number | undefined;
  readonly out: string;
  readonly resume: boolean;
}

/** Resolves to nothing where it was stopped. */
async function trainWithProgress(
  { train: examples, validation }: TrainingData,
  { seed, minutes, threads, out, resume }: TrainSettings,
): Promise<TrainedModel | undefined> {
  const stop = new AbortController();
  const onStop = () => {
    console.error("\nstopping after this step; Ctrl-C again ends at once");
    stop.abort();
    process.once("SIGINT", () => process.exit(130));
  };
  process.once("SIGINT", onStop);
  const display = createProgress();
  let before = 0;
  let phase = "";
  try {
    return await trainDiagnosisModel({
      ...{ examples, validation, seed, signal: stop.signal },
      ...(minutes !== undefined && { minutes }),
      ...(threads !== undefined && { threads }),
      checkpoint: { directory: out, resume },
      progress: (progress) => {
        if (progress.phase === "vocabulary") return;
        if (progress.phase !== phase) {
          before = progress.phase === "training" ? progress.allSteps - progress.steps : 0;
          phase = progress.phase;
          display.log(progress.phase === "pretraining" ? "hidden tokens" : "labels");
        }
        const { loss, tokensPerSecond } = progress;
        display.update({ step: before + progress.step, steps: progress.allSteps, loss, tokensPerSecond });
        if (progress.validation !== undefined)
          display.log(`mean average precision on the validation notes ${progress.validation.toFixed(3)}`);
      },
    });
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    console.log(`stopped; go on with the same command and --resume`);
    return undefined;
  } finally {
    display.finish();
    process.removeListener("SIGINT", onStop);
  }
}

/** Saves the model with its card and prints how good it is. */
async function finish(trained: TrainedModel, data: TrainingData, out: string, command: string): Promise<number> {
  const report = await evaluateModel(trained, data.test);
  const heldOut = data.heldOut && (await evaluateModel(trained, data.heldOut));
  const reports = { "test notes": report, ...(heldOut && { "notes of templates never trained on": heldOut }) };
  const card = modelCard(trained, { ...data, command, reports });
  await saveDiagnosisModel(trained, out, { name: data.name, version: "1", trainedOn: data.trainedOn, card });
  await addProfile(out, data);
  await removeCheckpoint(out);
  console.log(["", ...evaluationLines(report), ""].join("\n"));
  if (heldOut) console.log(["templates never trained on", ...evaluationLines(heldOut), ""].join("\n"));
  console.log(`model ${out}`);
  return 0;
}
