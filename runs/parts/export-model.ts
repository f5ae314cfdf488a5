import { execFileSync } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { countParameters, openCheckpoint, saveTokenizer, saveWeights } from "@baltoro/k2";
import type { PretrainConfig } from "@baltoro/training";

/** What the card says of a model beside what is measured. */
export interface ModelDescription {
  readonly name: string;
  readonly description: string;
  readonly trainedOn: string;
  readonly chat: boolean;
  /** Paragraphs of the card: what the text is, and what the model cannot do. */
  readonly data: string;
  readonly limits: string;
  /** How the weights came about. */
  readonly command: string;
  /** A text for the sample of the card. */
  readonly prompt: string;
}

/** What was trained, and where it goes. */
export interface Export {
  readonly checkpoint: string;
  readonly directory: string;
  readonly config: PretrainConfig;
  /** Measure a 5-gram model and xz beside it. */
  readonly peers: boolean;
}

/** What the training took, as measured. */
export interface TrainingFigures {
  readonly tokens: number;
  readonly seconds: number;
  /** Tokens of the text, and how often each was seen. */
  readonly textTokens: number;
  readonly epochs: number;
  readonly on: string;
}

/** Both are measured on the CPU, wherever the model was trained, so that anybody gets the same figures. */
const onCpu = ["--device", "wasm"];

const root = join(import.meta.dirname, "../..");

function runJson(script: string, ...args: string[]): Record<string, unknown> {
  const output = execFileSync(process.execPath, [join(root, script), ...args, "--json"], {
    encoding: "utf8",
    maxBuffer: 2 ** 26,
    stdio: ["ignore", "pipe", "inherit"],
  });
  return JSON.parse(output.trim().split("\n").at(-1) as string) as Record<string, unknown>;
}

/**
 * Writes a checkpoint as a model that ships: bf16 weights, tokenizer, baltoro.json, and a README.md whose figures are measured on
 * what was written.
 */
export async function exportModel(
  { checkpoint, directory, config, peers }: Export,
  training: TrainingFigures,
  description: ModelDescription,
): Promise<void> {
  const { device, model, tokenizer } = await openCheckpoint(checkpoint);
  await rm(directory, { recursive: true, force: true });
  await saveWeights(model, directory, "BF16", { name: description.name });
  await saveTokenizer(tokenizer, directory);
  await device.close();
  const { name, description: sentence, trainedOn, chat } = description;
  await writeFile(
    join(directory, "baltoro.json"),
    `${JSON.stringify({ name, description: sentence, trainedOn, chat }, null, 2)}\n`,
  );
  const [text] = config.validation;
  const cli = "apps/cli/bin/baltoro.js";
  const ours = runJson(cli, "eval", "--checkpoint", directory, "--text", text, ...onCpu);
  const sample = runJson(
    cli,
    ...["generate", "--checkpoint", directory, "--prompt", description.prompt],
    ...["--max-tokens", "120", "--temperature", "0.7", "--top-p", "0.95", "--seed", "1", ...onCpu],
  );
  const baselines = (peers ? runJson("bench/baselines/run.ts", "--train", config.data[0], "--val", text) : null) as {
    xz: { bitsPerByte: number };
    fiveGram: { bitsPerByte: number };
    trainBytes: number;
    valBytes: number;
  } | null;
  const { total, active } = countParameters(model.config);
  const whole = (value: number) => Math.round(value).toLocaleString("en");
  const number = (value: number, digits = 3) => value.toFixed(digits);
  const rows = baselines
    ? `| byte 5-gram, Kneser–Ney, from ${(baselines.trainBytes / 1e6).toFixed(0)} MB of the training text | ${number(baselines.fiveGram.bitsPerByte)} |
| \`xz -9\` | ${number(baselines.xz.bitsPerByte)} |\n`
    : "";
  const card = `# ${name}

${sentence}

| | |
| --- | --- |
| architecture | DeepSeek-V3 as in Kimi K2: MLA, ${model.config.nRoutedExperts} experts of which ${model.config.numExpertsPerTok} run, one shared (preset \`k2-nano\`) |
| parameters | ${number(total / 1e6, 1)}M, ${number(active / 1e6, 1)}M active per token |
| context | ${model.config.maxPositionEmbeddings} tokens of a vocabulary of ${model.config.vocabSize} |
| trained | ${whole(training.tokens)} tokens in ${whole(config.steps)} steps of MuonClip, learning rate ${config.learningRate}, seed ${config.seed} |
| on | ${training.on}: ${number(training.seconds / 60, 0)} minutes, ${whole(training.tokens / training.seconds)} tokens a second |
| command | \`${description.command}\` |

## Data

${description.data} The text is ${config.data.map((path) => `\`${basename(path)}\``).join(" and ")}: ${number(training.textTokens / 1e6, 1)}M tokens, of which
each was seen ${training.epochs <= 1 ? `at most once: the run sees ${number(100 * training.epochs, 1)} % of them` : `${number(training.epochs, 1)} times`}. ${config.tokenizer ? "The tokenizer was there before." : "The tokenizer was trained on its beginning."}

## How good it is

Bits per byte of held-out books (\`${basename(text)}\`, none of them in the training text), the fewer the better:

| | bits per byte |
| --- | --- |
| **${name}**, as shipped in bf16 | **${number(Number(ours["bitsPerByte"]))}** |
${rows}
    npx baltoro eval --checkpoint models/${name} --text ${text}
${peers ? `    npx node bench/baselines/run.ts --train ${config.data[0]} --val ${text}\n` : ""}
Loss ${number(Number(ours["loss"]))} nats per token, perplexity ${number(Number(ours["perplexity"]), 1)}.

## What it writes

> **${description.prompt}**${String(sample["text"]).replaceAll("\n", "\n> ")}

    npx baltoro generate --checkpoint models/${name} --prompt ${JSON.stringify(description.prompt)} --max-tokens 120 --temperature 0.7 --top-p 0.95 --seed 1

## What it cannot do

${description.limits}
`;
  await writeFile(join(directory, "README.md"), card);
}
