/**
 * The run behind models/gutenberg-nano: k2-nano on public-domain books. When all tokens are seen, what ships lies in OUT/model: weights in
 * bf16, tokenizer, and a card whose figures are measured on them. Stops after the step under way on Ctrl-C, SIGTERM or after --minutes; the
 * same command goes on, bit for bit.
 *
 *     npx node runs/gutenberg-nano.ts                                          as it shipped first, on a CPU: an hour
 *     npx node runs/gutenberg-nano.ts --device cuda --tokens 500M --batch 64 --out runs-out/gutenberg-nano-500M
 *
 * --data TEXT (again for each file; default both Gutenberg files)  --val TEXT  --tokenizer DIR  --threads N
 * --tokens N  --batch N  --accumulate N  --lr X  --recompute none|k2|layer  --seed N
 * --minutes N  stop after so long, to be gone on with
 * --no-card    train alone; the same command without it, on any machine that has OUT, then writes OUT/model
 * --no-peers   no 5-gram model and no xz beside it on the card: they take minutes
 */

import { join } from "node:path";
import { parseArgs } from "node:util";
import { loadTokenizer, preset, recomputeModes } from "@baltoro/k2";
import { openDevice } from "@baltoro/tensor";
import {
  createProgress,
  defaultPretrainConfig,
  latestCheckpoint,
  prepareText,
  pretrain,
  readMetrics,
  readRunConfig,
  runDirectory,
  storedPretrainConfig,
} from "@baltoro/training";
import { exportModel } from "./parts/export-model.ts";

const text = join(process.env["BALTORO_DATA"] ?? "../shared/data", "text");
const { values } = parseArgs({
  options: {
    data: {
      type: "string",
      multiple: true,
      default: ["gutenberg_train.txt.zst", "gutenberg_train2.txt.zst"].map((file) => join(text, file)),
    },
    val: { type: "string", default: join(text, "gutenberg_val.txt.zst") },
    out: { type: "string", default: "runs-out/gutenberg-nano" },
    device: { type: "string", default: "auto" },
    threads: { type: "string" },
    tokens: { type: "string", default: "9_830_400" },
    batch: { type: "string", default: "8" },
    accumulate: { type: "string", default: "1" },
    lr: { type: "string", default: "4e-3" },
    recompute: { type: "string", default: "none" },
    seed: { type: "string", default: "1" },
    tokenizer: { type: "string" },
    minutes: { type: "string" },
    "no-card": { type: "boolean", default: false },
    "no-peers": { type: "boolean", default: false },
  },
});

/** A positive number, with _ between digits, and k, M or B behind it. */
function numberOf(option: keyof typeof values): number {
  const [, digits, unit] = /^([\d_.]+(?:e-?\d+)?)([kMB]?)$/.exec(String(values[option])) ?? [];
  const number = Number(digits?.replaceAll("_", "")) * ({ k: 1e3, M: 1e6, B: 1e9 }[unit ?? ""] ?? 1);
  if (!(number > 0)) throw new Error(`--${option} is ${values[option]}, expected a positive number such as 500M`);
  return number;
}

const sequenceLength = 512;
const steps = Math.ceil(numberOf("tokens") / (numberOf("batch") * numberOf("accumulate") * sequenceLength));
const recompute = recomputeModes.find((mode) => mode === values.recompute);
if (!recompute) throw new Error(`--recompute is ${values.recompute}, expected ${recomputeModes.join(", ")}`);
const every = Math.max(Math.min(250, Math.ceil(steps / 4)), Math.ceil(steps / 50));
const run = runDirectory(values.out);
const resume = latestCheckpoint(run.checkpoints).checkpoint !== null;
const asked = defaultPretrainConfig({
  name: "gutenberg-nano",
  subtitle: "k2-nano on Project Gutenberg",
  data: values.data,
  validation: [values.val],
  model: preset("k2-nano"),
  ...(values.tokenizer ? { tokenizer: values.tokenizer } : {}),
  steps,
  batchSize: numberOf("batch"),
  accumulation: numberOf("accumulate"),
  sequenceLength,
  learningRate: numberOf("lr"),
  warmup: Math.min(100, Math.ceil(steps / 20)),
  decay: Math.floor(steps * 0.4),
  finalFraction: 0.02,
  recompute,
  seed: numberOf("seed"),
  validateEvery: every,
  checkpointEvery: every,
});
const config = resume ? storedPretrainConfig(readRunConfig(run), { recompute }) : asked;
for (const option of ["steps", "batchSize", "accumulation", "learningRate", "seed"] as const)
  if (config[option] !== asked[option])
    throw new Error(
      `${values.out} holds a run with ${option} ${config[option]}, asked for is ${asked[option]}: give the same options, or another --out`,
    );

const device = await openDevice(values.device, values.threads ? { threads: Number(values.threads) } : {});
const { kind, threads, matmul } = device.description;
console.log(
  `${steps.toLocaleString("en")} steps of ${config.batchSize * config.accumulation} × ${sequenceLength} tokens, ${kind}, ${matmul}`,
);
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
const late = values.minutes ? setTimeout(() => stop.abort(), 60_000 * numberOf("minutes")) : undefined;
const result = await pretrain(config, { device, directory: values.out, resume, signal: stop.signal });
clearTimeout(late);
await device.close();
console.log(JSON.stringify(result));

if (result.finished && !values["no-card"]) {
  const tokenizer = await loadTokenizer(run.tokenizer);
  const { train } = await prepareText(run.tokens, tokenizer, config, createProgress());
  const { tokens = 0, seconds = 0 } = readMetrics(run.metrics).at(-1) ?? {};
  const model = join(values.out, "model");
  await exportModel(
    { checkpoint: result.checkpoint, directory: model, config, peers: !values["no-peers"] },
    {
      tokens,
      seconds,
      epochs: tokens / train.tokens,
      textTokens: train.tokens,
      on: kind === "wasm" ? `${threads} CPU threads` : matmul,
    },
    {
      name: "gutenberg-nano",
      description: "A small language model that continues English prose in the manner of old books.",
      trainedOn: "books from Project Gutenberg",
      chat: false,
      data: `Books of Project Gutenberg that are in the public domain in the United States: novels, history, essays, mostly of the 19th and
early 20th century, in English.`,
      limits: `It is a base model of a few million active parameters: it continues a text, knows no facts worth trusting, follows no
instructions, does not converse, and loses the thread within a paragraph. It speaks with the opinions of its books, some of them
hateful by the standards of any time since. It sees 512 tokens, and reads English only. It is here so that everything else in this
repository has something real to run; use it for that.`,
      // How long it was let run at a time, and what was left out, does not change what comes out.
      command: `npx node runs/gutenberg-nano.ts ${process.argv.slice(2).join(" ")}`
        .replaceAll(/ --(no-card|no-peers|minutes[ =]\S+)/g, "")
        .trim(),
      prompt: "The old house stood at the end of the lane,",
    },
  );
  console.log(`what ships: ${model}`);
}
// Stopped before its end: the same command goes on.
if (!result.finished) process.exitCode = 130;
