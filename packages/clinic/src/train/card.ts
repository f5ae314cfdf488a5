import { type Disease, diseaseNames, diseases, type ModelIdentity } from "../diagnosis/index.ts";
import type { Estimate, EvaluationReport } from "../evaluation/index.ts";
import type { Example } from "../examples/index.ts";
import type { TrainedModel } from "./request.ts";

/** What a card says beside what the model knows of itself. */
export interface CardFacts {
  readonly name: string;
  readonly trainedOn: ModelIdentity["training"];
  /** Where the notes came from, a sentence or two. */
  readonly source: string;
  /** The command that makes the model. */
  readonly command: string;
  readonly train: readonly Example[];
  readonly validation: readonly Example[];
  readonly test: readonly Example[];
  /** On notes kept back, by what they are: "test notes". */
  readonly reports: Readonly<Record<string, EvaluationReport>>;
}

const origins: Readonly<Record<ModelIdentity["training"], string>> = {
  synthetic:
    "**Trained on synthetic notes only.** No patient's note was seen. Its figures say how well it does on notes of the same generator, not how well it does in a hospital.",
  local:
    "Trained on one institution's own notes. Its figures hold there, if anywhere; another place needs its own evaluation.",
  research: "Trained on research data that may not be used otherwise. Not for clinical use, and not to be passed on.",
};

/** A model card in the order of TRIPOD+AI (BMJ 2024;385:e078378): title, data, outcome, predictors, model, results, limits, use. */
export function modelCard(trained: TrainedModel, facts: CardFacts): string {
  const { model, training, seed, figures, history } = trained;
  const { config } = model;
  const { train, validation, test } = facts;
  const best = history.reduce((a, b) => (b.validation > a.validation ? b : a), history[0]);
  const count = (examples: readonly Example[], disease: Disease) =>
    examples.filter(({ labels }) => labels[diseases.indexOf(disease)] === 1).length;
  const rows = diseases.map(
    (disease) =>
      `| ${diseaseNames[disease].en} (${diseaseNames[disease].icd10}) | ${count(train, disease)} | ${count(validation, disease)} | ${count(test, disease)} |`,
  );
  const minutes = (figures.seconds / 60).toFixed(1);
  return `# ${facts.name}

Ranks pneumonia, upper respiratory tract infection, bronchitis and asthma in children from an admission note, Chinese or English.

${origins[facts.trainedOn]}

## Use

For a professional who reads the note too, as one of several hints. It never states a diagnosis, and it is not a medical device. Outside
its scope: adults, notes without an age, notes that are not about the airways; what a note does not say, it cannot know.

## Source of data

${facts.source}

| notes with | training | validation | test |
| --- | --- | --- | --- |
${rows.join("\n")}
| all notes | ${train.length} | ${validation.length} | ${test.length} |

Labels: each of the four diseases present or not, several at once or none.

## Predictors

The note's text with the names of diseases masked, and the test results that the extractor of \`@baltoro/clinic\` finds in it: value,
deviation from the reference range for the age, status, and which results are missing. Nothing else: in training as in use.

## Model

A transformer over characters and words (Chinese) and word pieces (English), ${config.layers} layers of width ${config.width}, ${config.heads} heads, at most ${config.maxTokens} tokens of a
note; ${(figures.parameters / 1000).toFixed(0)} thousand parameters. The structured features are gated into every layer (adaptive feature infusion); a query per disease
attends over tokens and results together (attentive fusion). The names are those of arXiv 2108.10818, of which only the abstract was at
hand: how these parts are made here is a reconstruction, not the paper's network.

Trained by hidden tokens for ${training.pretrainingEpochs} pass${training.pretrainingEpochs === 1 ? "" : "es"} and by labels for ${training.epochs}, with Muon for matrices and AdamW for the rest, seed ${seed}; the weights are a running
mean. Epoch ${(best?.epoch ?? 0) + 1} was kept, by the mean average precision on the validation notes (${best?.validation.toFixed(3)}); scale and bias per disease are
calibrated there. ${figures.tokens.toLocaleString("en")} tokens in ${figures.steps} steps, ${minutes} minutes.

    ${facts.command}

## Results

${Object.entries(facts.reports).map(resultTable).join("\n\n")}

## Limits

- A note is cut after ${config.maxTokens} tokens; the cut is reported by the tokenizer.
- It knows the words of its training notes: an unusual way to say something may pass unseen.
- Probabilities are calibrated for the share of diseases in the validation notes; another population has other shares.
- It has learned associations, not causes, and no interval around a probability covers a population that it has not seen.
`;
}

function resultTable([name, report]: [string, EvaluationReport]): string {
  const estimate = ({ value, low, high }: Estimate) => `${value.toFixed(3)} (${low.toFixed(3)}–${high.toFixed(3)})`;
  const rows = diseases.flatMap((disease) => {
    const one = report.diseases[disease];
    if (!one) return [];
    return [
      `| ${diseaseNames[disease].en} | ${one.positives} | ${estimate(one.averagePrecision)} | ${one.calibrationError.toFixed(3)} |`,
    ];
  });
  return `${report.notes} ${name}, with 95 % bootstrap intervals:

| | with it | average precision | calibration error |
| --- | --- | --- | --- |
${rows.join("\n")}
| **mean** | | **${estimate(report.meanAveragePrecision)}** | ${report.calibrationError.toFixed(3)} |`;
}
