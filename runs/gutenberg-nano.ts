/**
 * The run behind models/gutenberg-nano: k2-nano on public-domain books. Stops after the step under way on Ctrl-C; started again
 * it goes on, bit for bit. With `--export` it then writes models/gutenberg-nano with its
 * card, whose figures it measures.
 *
 *     npx node runs/gutenberg-nano.ts [--data TEXT …] [--val TEXT] [--out DIR] [--steps N] [--batch N] [--lr X] [--export]
 */

import { join } from "node:path";
import { parseArgs } from "node:util";
import { preset } from "@baltoro/k2";
import { openDevice } from "@baltoro/tensor";
import { defaultPretrainConfig, latestCheckpoint, pretrain, runDirectory } from "@baltoro/training";
import { exportModel } from "./parts/export-model.ts";

const { values } = parseArgs({
  options: {
    data: { type: "string", multiple: true, default: ["../shared/data/text/gutenberg_train.txt.zst"] },
    val: { type: "string", default: "../shared/data/text/gutenberg_val.txt.zst" },
    out: { type: "string", default: "runs-out/gutenberg-nano" },
    steps: { type: "string", default: "2400" },
    batch: { type: "string", default: "8" },
    lr: { type: "string", default: "4e-3" },
    threads: { type: "string" },
    tokenizer: { type: "string" },
    export: { type: "boolean", default: false },
  },
});

const config = defaultPretrainConfig({
  name: "gutenberg-nano",
  subtitle: "k2-nano on Project Gutenberg",
  data: values.data,
  validation: [values.val],
  model: preset("k2-nano"),
  ...(values.tokenizer ? { tokenizer: values.tokenizer } : {}),
  steps: Number(values.steps),
  batchSize: Number(values.batch),
  learningRate: Number(values.lr),
  warmup: 100,
  decay: Math.floor(Number(values.steps) * 0.4),
  finalFraction: 0.02,
  validateEvery: 250,
  checkpointEvery: 250,
});

const device = await openDevice("auto", values.threads ? { threads: Number(values.threads) } : {});
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
const resume = latestCheckpoint(runDirectory(values.out).checkpoints).checkpoint !== null;
const result = await pretrain(config, { device, directory: values.out, resume, signal: stop.signal });
await device.close();
console.log(JSON.stringify(result));

if (values.export && result.finished) {
  await exportModel(result.checkpoint, join(import.meta.dirname, "../models/gutenberg-nano"), config, {
    name: "gutenberg-nano",
    description: "A small language model that continues English prose in the manner of old books.",
    trainedOn: "books from Project Gutenberg",
    chat: false,
    data: `Books of Project Gutenberg that are in the public domain in the United States: novels, history, essays, mostly of the 19th and
early 20th century, in English. The text is \`gutenberg_train.txt.zst\`; the tokenizer was trained on it too. The run sees a part of it,
each token at most once.`,
    limits: `It is a base model of a few million active parameters: it continues a text, knows no facts worth trusting, follows no
instructions, does not converse, and loses the thread within a paragraph. It speaks with the opinions of its books, some of them
hateful by the standards of any time since. It sees 512 tokens, and reads English only. It is here so that everything else in this
repository has something real to run; use it for that.`,
    command: "npx node runs/gutenberg-nano.ts --export",
    prompt: "The old house stood at the end of the lane,",
  });
}
