/**
 * The run behind models/gutenberg-nano: k2-nano on public-domain books. Stops after the step under way on Ctrl-C; started again
 * it goes on, bit for bit. When it has finished, `--export` writes the model with its card.
 *
 *     npx node runs/gutenberg-nano.ts [--data TEXT …] [--val TEXT] [--out DIR] [--steps N] [--export]
 */
import { parseArgs } from "node:util";
import { preset } from "@baltoro/k2";
import { openDevice } from "@baltoro/tensor";
import { defaultPretrainConfig, latestCheckpoint, pretrain, runDirectory } from "@baltoro/training";

const { values } = parseArgs({
  options: {
    data: { type: "string", multiple: true, default: ["../shared/data/text/gutenberg_train.txt.zst"] },
    val: { type: "string", default: "../shared/data/text/gutenberg_val.txt.zst" },
    out: { type: "string", default: "runs-out/gutenberg-nano" },
    steps: { type: "string", default: "4000" },
    batch: { type: "string", default: "16" },
    lr: { type: "string", default: "4e-3" },
    threads: { type: "string" },
    tokenizer: { type: "string" },
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
