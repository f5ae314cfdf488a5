import {
  baselines,
  type CohortRecord,
  type Disease,
  diseases,
  type Estimate,
  type EvaluationReport,
  type Example,
  exampleOfRecord,
  scorePredictions,
  trainDiagnosisModel,
  type VariantName,
  variants,
} from "@baltoro/clinic";
import { textTable } from "../../harness.ts";

export interface SyntheticOptions {
  readonly seeds: readonly number[];
  readonly networks: readonly VariantName[];
  /** Passes over the labelled notes of each training. */
  readonly epochs: number;
  readonly progress: (message: string) => void;
  /** What an earlier run of the same measurement has judged: it is not trained again. */
  readonly judged?: readonly Judged[];
  /** Told of all that is judged so far, after each model. */
  readonly keep?: (judged: readonly Judged[]) => void;
}

/** A model's figures on one part of the cohort. */
export interface Judged {
  readonly name: string;
  readonly seed: number;
  /** Passes over the labelled notes, of a network. */
  readonly epochs?: number;
  readonly part: "test" | "heldOut";
  readonly report: EvaluationReport;
  readonly predictions: readonly (readonly number[])[];
}

const parts = ["test", "heldOut"] as const;
const text = ({ value, low, high }: Estimate) => `${value.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;

/** Every model on the synthetic cohort: trained on its train part, judged on test and on the template families held out. */
export async function measureSynthetic(records: readonly CohortRecord[], options: SyntheticOptions) {
  const of = (split: CohortRecord["split"]) => records.filter((record) => record.split === split);
  const examples = Object.fromEntries(
    (["train", "validation", "test", "heldOut"] as const).map((split) => [split, of(split).map(exampleOfRecord)]),
  ) as Record<CohortRecord["split"], Example[]>;
  options.progress(`${records.length} synthetic notes read`);
  const judged: Judged[] = [...(options.judged ?? [])];
  /** Judges a model unless it was judged before; `make` trains it. */
  const judge = async (
    { name, seed, epochs }: Pick<Judged, "name" | "seed" | "epochs">,
    make: () => Promise<{
      predict: (part: (typeof parts)[number]) => Promise<readonly (readonly number[])[]>;
      close?: () => Promise<void>;
    }>,
  ) => {
    if (judged.some((one) => one.name === name && one.seed === seed && one.epochs === epochs)) return;
    const { predict, close } = await make();
    try {
      for (const part of parts) {
        const predictions = await predict(part);
        const report = scorePredictions(examples[part], predictions, { draws: 1000 });
        judged.push({ ...{ name, seed, part, predictions, report }, ...(epochs === undefined ? {} : { epochs }) });
      }
    } finally {
      await close?.();
    }
    options.keep?.(judged);
    options.progress(`${name}, seed ${seed}`);
  };
  await judge({ name: "Bayes posterior (ceiling)", seed: 0 }, async () => ({
    predict: async (part) => of(part).map(({ posterior }) => diseases.map((disease: Disease) => posterior[disease])),
  }));
  for (const [name, train] of Object.entries(baselines)) {
    // Only the trees draw; the others are the same for every seed.
    for (const seed of /trees|late/i.test(name) ? options.seeds : [1]) {
      await judge({ name: `baseline ${name}`, seed }, async () => {
        const model = train(examples.train, { seed });
        return { predict: (part) => model.predict(examples[part].map(({ input }) => input)) };
      });
    }
  }
  const { epochs } = options;
  // Seed after seed, so that one that was stopped has compared all networks.
  for (const seed of options.seeds) {
    for (const name of options.networks) {
      await judge({ name: `network ${name}`, seed, epochs }, async () => {
        const model = await trainDiagnosisModel({
          ...{ examples: examples.train, validation: examples.validation, config: variants[name], seed },
          training: { epochs },
        });
        return {
          predict: (part) => model.predict(examples[part].map(({ input }) => input)),
          close: () => model.close(),
        };
      });
    }
  }
  const lines = parts.flatMap((part) => [
    `SYNTHETIC cohort, ${part === "test" ? "test" : "template families never trained on"}: ${examples[part].length} notes`,
    ...textTable(
      ["model", "seed", ...diseases, "mean (95 % interval)", "calibration error"],
      judged
        .filter((one) => one.part === part)
        .map(({ name, seed, report }) => [
          ...[name, String(seed)],
          ...diseases.map((disease) => report.diseases[disease]?.averagePrecision.value.toFixed(3) ?? "–"),
          ...[text(report.meanAveragePrecision), report.calibrationError.toFixed(3)],
        ]),
    ),
    "",
  ]);
  return { figures: { notes: records.length, judged }, lines };
}
