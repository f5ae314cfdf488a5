/**
 * MuonClip on real text, on one GPU or several (docs/results/muonclip.md): a model of some 20M active parameters, 50M tokens a run.
 *
 * 1. four learning rates each for MuonClip and AdamW, seed 1;
 * 2. the best of each again with seeds 2 and 3;
 * 3. QK-Clip: τ = 0 (vanilla Muon), 100 and 30 at the highest learning rate, every head's largest logit written down.
 *
 *     npx node runs/muonclip-study.ts [--data TEXT …] [--val TEXT] [--tokenizer DIR] [--out DIR] [--steps N] [--gpus N] [--parallel N]
 *     npx node runs/muonclip-study.ts --figures DIRECTORY      draws what the runs in --out have shown
 */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type K2Config, preset } from "@baltoro/k2";
import { openDevice } from "@baltoro/tensor";
import {
  createProgress,
  defaultPretrainConfig,
  latestCheckpoint,
  type PretrainConfig,
  prepareText,
  prepareTokenizer,
  pretrain,
  readMetrics,
  runDirectory,
} from "@baltoro/training";
import { runInLanes } from "./parts/lanes.ts";
import { drawStudy } from "./parts/study-figures.ts";

const { values } = parseArgs({
  options: {
    data: {
      type: "string",
      multiple: true,
      default: ["../shared/data/text/gutenberg_train.txt.zst", "../shared/data/text/gutenberg_train2.txt.zst"],
    },
    val: { type: "string", default: "../shared/data/text/gutenberg_val.txt.zst" },
    tokenizer: { type: "string", default: "models/gutenberg-nano" },
    out: { type: "string", default: "runs-out/muonclip" },
    steps: { type: "string", default: "1526" },
    device: { type: "string", default: "cuda" },
    gpus: { type: "string", default: "1" },
    parallel: { type: "string", default: "1" },
    only: { type: "string" },
    figures: { type: "string" },
  },
});

const learningRates = { muonclip: [1e-3, 2e-3, 4e-3, 8e-3], adamw: [5e-4, 1e-3, 2e-3, 4e-3] } as const;
const clipRate = 1.6e-2;

/** 47M parameters, 20M of them active. */
const model: K2Config = {
  ...preset("k2-nano"),
  hiddenSize: 384,
  numHiddenLayers: 9,
  intermediateSize: 1536,
  moeIntermediateSize: 256,
  nRoutedExperts: 16,
  numExpertsPerTok: 4,
  numAttentionHeads: 6,
  qLoraRank: 192,
  kvLoraRank: 128,
  qkNopeHeadDim: 64,
  qkRopeHeadDim: 32,
  vHeadDim: 64,
};

/** `OPTIMIZER-RATE-SEED`, or `tau-TAU`. */
function configOf(name: string): PretrainConfig {
  const [first, second, third] = name.split("_");
  const clipping = first === "tau";
  const optimizer = clipping ? "muonclip" : (first as "muonclip" | "adamw");
  return defaultPretrainConfig({
    name,
    subtitle: "20M active parameters on Project Gutenberg",
    data: values.data,
    validation: [values.val],
    model,
    tokenizer: values.tokenizer,
    steps: Number(values.steps),
    batchSize: 64,
    sequenceLength: 512,
    optimizer,
    learningRate: clipping ? clipRate : Number(second),
    ...(clipping ? { qkClipThreshold: Number(second), recordHeads: true } : { seed: Number(third) }),
    validateEvery: Math.ceil(Number(values.steps) / 15),
    checkpointEvery: Number(values.steps),
    validationBatches: 8,
    keepCheckpoints: 1,
  });
}

const tokenCache = join(values.out, "tokens");

async function runOne(name: string): Promise<void> {
  const directory = join(values.out, name);
  if (finalLoss(name) !== undefined) return;
  const device = await openDevice(values.device);
  const resume = latestCheckpoint(runDirectory(directory).checkpoints).checkpoint !== null;
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  const { finished } = await pretrain(configOf(name), { device, directory, tokenCache, resume, signal: stop.signal });
  await device.close();
  if (!finished) process.exit(130);
}

/** The last validation loss of a run that is finished. */
function finalLoss(name: string): number | undefined {
  const { metrics } = runDirectory(join(values.out, name));
  const last = existsSync(metrics) ? readMetrics(metrics).at(-1) : undefined;
  return last?.step === Number(values.steps) ? (last.valLoss ?? Number.POSITIVE_INFINITY) : undefined;
}

const grid = Object.entries(learningRates).flatMap(([optimizer, rates]) =>
  rates.map((rate) => `${optimizer}_${rate}_1`),
);
const clipRuns = [0, 100, 30].map((tau) => `tau_${tau}`);

/** The best learning rate of each optimizer again with other seeds. */
function moreSeeds(): string[] {
  return Object.keys(learningRates).flatMap((optimizer) => {
    const [best] = grid
      .filter((name) => name.startsWith(optimizer))
      .sort((a, b) => (finalLoss(a) ?? Number.POSITIVE_INFINITY) - (finalLoss(b) ?? Number.POSITIVE_INFINITY));
    return [2, 3].map((seed) => best.replace(/_1$/, `_${seed}`));
  });
}

async function runAll(): Promise<void> {
  mkdirSync(values.out, { recursive: true });
  const progress = createProgress();
  const config = configOf(grid[0]);
  // The runs share the tokens: made once, before any of them starts.
  await prepareText(tokenCache, await prepareTokenizer(values.tokenizer, config, progress), config, progress);
  const lanes = { parallel: Number(values.parallel), gpus: Number(values.gpus) };
  await runInLanes([...clipRuns, ...grid], lanes);
  await runInLanes(moreSeeds(), lanes);
}

if (values.only) await runOne(values.only);
else if (values.figures) drawStudy(values.out, values.figures, { grid, seeds: moreSeeds(), clipRuns });
else await runAll();
