/**
 * MuonClip against AdamW: one grid of learning rates for each, one seed, the same text, tokenizer and order of batches.
 * Writes metrics, a comparison page and a picture of the best of each: docs/results/muon-vs-adamw.md.
 *
 *     npx node runs/muon-vs-adamw.ts --data TEXT --val TEXT [--out DIR] [--steps N] [--parallel N] [--threads N]
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { preset } from "@baltoro/k2";
import { openDevice } from "@baltoro/tensor";
import {
  compareReport,
  createProgress,
  defaultPretrainConfig,
  latestCheckpoint,
  loadRunReport,
  type PretrainConfig,
  prepareText,
  prepareTokenizer,
  pretrain,
  renderComparisonSvg,
  runDirectory,
} from "@baltoro/training";
import { runInLanes } from "./parts/lanes.ts";

const optimizers = ["muonclip", "adamw"] as const;
const learningRates = [1e-3, 2e-3, 4e-3, 8e-3];

const { values } = parseArgs({
  options: {
    data: { type: "string", multiple: true, default: ["../shared/data/text/gutenberg_train.txt.zst"] },
    val: { type: "string", default: "../shared/data/text/gutenberg_val.txt.zst" },
    out: { type: "string", default: "runs-out/muon-vs-adamw" },
    steps: { type: "string", default: "300" },
    parallel: { type: "string", default: "1" },
    threads: { type: "string", default: "2" },
    only: { type: "string" },
  },
});

function configOf(optimizer: (typeof optimizers)[number], learningRate: number): PretrainConfig {
  return defaultPretrainConfig({
    name: `${optimizer} ${learningRate}`,
    subtitle: "k2-nano on Project Gutenberg",
    data: values.data,
    validation: [values.val],
    model: preset("k2-nano"),
    tokenizer: join(values.out, "tokenizer"),
    steps: Number(values.steps),
    checkpointEvery: 50,
    validateEvery: Math.ceil(Number(values.steps) / 5),
    validationBatches: 8,
    keepCheckpoints: 1,
    optimizer,
    learningRate,
  });
}

const tokenCache = join(values.out, "tokens");

/** One run of the grid, in this process. */
async function runOne(name: string): Promise<void> {
  const [optimizer, rate] = name.split(":") as [(typeof optimizers)[number], string];
  const directory = join(values.out, name.replace(":", "-"));
  const device = await openDevice("auto", { threads: Number(values.threads) });
  const resume = latestCheckpoint(runDirectory(directory).checkpoints).checkpoint !== null;
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  const config = configOf(optimizer, Number(rate));
  const { finished } = await pretrain(config, { device, directory, tokenCache, resume, signal: stop.signal });
  await device.close();
  if (!finished) process.exit(130);
}

async function runGrid(): Promise<void> {
  mkdirSync(values.out, { recursive: true });
  const progress = createProgress();
  const config = configOf("muonclip", learningRates[0]);
  // The runs share tokenizer and tokens: made once, before any of them starts.
  const { tokenizer: _, ...own } = config;
  const tokenizer = await prepareTokenizer(join(values.out, "tokenizer"), own, progress);
  await prepareText(tokenCache, tokenizer, config, progress);
  const names = optimizers.flatMap((optimizer) => learningRates.map((rate) => `${optimizer}:${rate}`));
  await runInLanes(names, { parallel: Number(values.parallel), gpus: 0 });
  const reports = names.map((name) => loadRunReport(runDirectory(join(values.out, name.replace(":", "-")))));
  const summary = reports.map(({ name, records }) => ({
    name,
    valLoss: records.findLast((r) => r.valLoss != null)?.valLoss,
  }));
  console.table(summary);
  writeFileSync(join(values.out, "summary.json"), `${JSON.stringify(summary, null, 2)}\n`);
  writeFileSync(join(values.out, "comparison.html"), compareReport(reports, { title: "MuonClip and AdamW" }));
  const best = optimizers.map((optimizer) => {
    const of = summary.filter(({ name }) => name.startsWith(optimizer));
    const winner = of.reduce((a, b) => ((a.valLoss ?? Infinity) <= (b.valLoss ?? Infinity) ? a : b));
    return reports[summary.indexOf(winner)];
  });
  writeFileSync(
    join(values.out, "best.svg"),
    renderComparisonSvg(best, { title: "MuonClip and AdamW, each at its best learning rate" }),
  );
  writeFileSync(join(values.out, "grid.svg"), renderComparisonSvg(reports, { title: "All learning rates" }));
}

await (values.only ? runOne(values.only) : runGrid());
