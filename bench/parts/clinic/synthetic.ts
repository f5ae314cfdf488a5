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
}

interface Judged {
  readonly name: string;
  readonly seed: number;
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
  const judged: Judged[] = [];
  const judge = async (
    name: string,
    seed: number,
    predict: (part: (typeof parts)[number]) => Promise<readonly (readonly number[])[]>,
  ) => {
    for (const part of parts) {
      const predictions = await predict(part);
      judged.push({
        name,
        seed,
        part,
        predictions,
        report: scorePredictions(examples[part], predictions, { draws: 1000 }),
      });
    }
    options.progress(`${name}, seed ${seed}`);
  };
  await judge("Bayes posterior (ceiling)", 0, async (part) =>
    of(part).map(({ posterior }) => diseases.map((disease: Disease) => posterior[disease])),
  );
  for (const [name, train] of Object.entries(baselines)) {
    // Only the trees draw; the others are the same for every seed.
    for (const seed of /trees|late/i.test(name) ? options.seeds : [1]) {
      const model = train(examples.train, { seed });
      await judge(`baseline ${name}`, seed, (part) => model.predict(examples[part].map(({ input }) => input)));
    }
  }
  for (const name of options.networks) {
    for (const seed of options.seeds) {
      const model = await trainDiagnosisModel({
        ...{ examples: examples.train, validation: examples.validation, config: variants[name], seed },
        training: { epochs: options.epochs },
      });
      try {
        await judge(`network ${name}`, seed, (part) => model.predict(examples[part].map(({ input }) => input)));
      } finally {
        await model.close();
      }
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
