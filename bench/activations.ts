/**
 * What a training step keeps for its backward pass: bytes a token and time a step, for each way to recompute and to store activations.
 * `--shape NAME`, `--batch N`, `--sequence N`, `--repeats N`, `--device D`, `--threads N`. Bytes of the preset k2-mini, with bf16 activations
 * as on a GPU, are counted without computing.
 *
 * `--loss STEPS [--seeds 1,2,3]` instead: what storing them in fp8 costs in loss, on the Gutenberg text for validation.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type ActivationOptions, createModel, initializeWeights, type K2Config, preset } from "@baltoro/k2";
import { createDevice, type Device, openCountingBackend, openDevice } from "@baltoro/tensor";
import {
  createTrainStep,
  defaultPretrainConfig,
  type MicroBatch,
  muonClip,
  pretrain,
  readMetrics,
} from "@baltoro/training";
import { type BenchOptions, type BenchResult, figure, textTable } from "./harness.ts";

const settings: readonly Required<ActivationOptions>[] = [
  { recompute: "none", store: "exact" },
  { recompute: "none", store: "fp8" },
  { recompute: "k2", store: "exact" },
  { recompute: "k2", store: "fp8" },
  { recompute: "layer", store: "exact" },
];

interface Size {
  readonly batch: number;
  readonly sequence: number;
}

function stepOn(device: Device, config: K2Config, { batch, sequence }: Size, activations: ActivationOptions) {
  const model = createModel(device, config, { trainable: true });
  if (device.description.kind !== "counting") initializeWeights(model, { seed: 1 });
  const step = createTrainStep(model, muonClip({}), { batchSize: batch, sequenceLength: sequence, ...activations });
  const rows = batch * sequence;
  const draw = (seed: number) =>
    Int32Array.from({ length: rows }, (_, i) => (((i + 1) * 2654435761 * seed) >>> 0) % (config.vocabSize - 256));
  const micro: MicroBatch = {
    tokens: draw(1),
    targets: draw(3),
    positions: Int32Array.from({ length: rows }, (_, i) => i % sequence),
    documents: new Int32Array(rows),
  };
  let index = 0;
  const run = () => {
    device.memory.arena.resetPeak();
    step.run([micro], { learningRate: 1e-3, step: index++ });
    return device.memory.arena.peakBytes;
  };
  return { step, run };
}

interface Measured {
  readonly peakBytes: number;
  readonly milliseconds?: number;
  /** Of all threads: what a CPU device takes on a machine that others use too. */
  readonly cpuMilliseconds?: number;
}

/** Counts the arena's bytes of a step. */
function count(config: K2Config, size: Size, activations: ActivationOptions): Measured {
  return { peakBytes: stepOn(createDevice(openCountingBackend("bf16")), config, size, activations).run() };
}

/** The settings in turns, so that neighbours on the machine disturb all alike; the best step of each. */
async function time(open: () => Promise<Device>, config: K2Config, size: Size, repeats: number): Promise<Measured[]> {
  const best: Measured[] = settings.map(() => ({
    peakBytes: 0,
    milliseconds: Number.POSITIVE_INFINITY,
    cpuMilliseconds: Number.POSITIVE_INFINITY,
  }));
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const [i, activations] of settings.entries()) {
      const device = await open();
      const { step, run } = stepOn(device, config, size, activations);
      // The first three make gradients, grow the arena, and capture where that is done.
      for (let j = 0; j < 6; j++) {
        const start = performance.now();
        const cpu = process.cpuUsage();
        const peakBytes = run();
        await step.metrics();
        if (j < 3) continue;
        const milliseconds = Math.min(performance.now() - start, best[i].milliseconds ?? 0);
        const { user, system } = process.cpuUsage(cpu);
        const cpuMilliseconds = Math.min((user + system) / 1000, best[i].cpuMilliseconds ?? 0);
        best[i] = { peakBytes: Math.max(peakBytes, best[i].peakBytes), milliseconds, cpuMilliseconds };
      }
      await device.close();
    }
  }
  return best;
}

function table(measured: readonly Measured[], { batch, sequence }: Size): string[] {
  const [base] = measured;
  const ratio = (value: number, of: number | undefined) => [figure(value), `× ${(value / (of ?? 1)).toFixed(3)}`];
  return textTable(
    [
      "recompute",
      "store",
      "MiB",
      "KiB a token",
      "of all kept",
      ...(base.milliseconds ? ["ms a step", "", "CPU ms", ""] : []),
    ],
    measured.map(({ peakBytes, milliseconds, cpuMilliseconds }, i) => [
      settings[i].recompute,
      settings[i].store,
      figure(peakBytes / 2 ** 20),
      figure(peakBytes / 1024 / (batch * sequence)),
      (peakBytes / base.peakBytes).toFixed(3),
      ...(milliseconds === undefined ? [] : ratio(milliseconds, base.milliseconds)),
      ...(cpuMilliseconds === undefined ? [] : ratio(cpuMilliseconds, base.cpuMilliseconds)),
    ]),
  );
}

const text = join(
  process.env["BALTORO_DATA"] ?? join(import.meta.dirname, "../../shared/data"),
  "text/gutenberg_val.txt.zst",
);

/** Losses at the end of runs that differ in how activations are stored alone. */
async function lossCost(steps: number, seeds: readonly number[], device: Device): Promise<BenchResult> {
  if (!existsSync(text))
    return { figures: {}, checks: [], lines: [`skipped: ${text} is absent; BALTORO_DATA names another place`] };
  const folder = mkdtempSync(join(tmpdir(), "baltoro-activations-"));
  const model: K2Config = {
    ...preset("k2-tiny"),
    vocabSize: 1024,
    bosTokenId: 768,
    eosTokenId: 769,
    hiddenSize: 128,
    numHiddenLayers: 4,
    intermediateSize: 384,
    moeIntermediateSize: 128,
    nRoutedExperts: 8,
  };
  const runs: { seed: number; store: "exact" | "fp8"; trainLoss: number; valLoss: number }[] = [];
  try {
    for (const seed of seeds) {
      for (const store of ["exact", "fp8"] as const) {
        const directory = join(folder, `${store}-${seed}`);
        const config = defaultPretrainConfig({
          data: [text],
          model,
          steps,
          seed,
          recompute: "k2",
          store,
          sequenceLength: 128,
          learningRate: 4e-3,
          validateEvery: steps,
          checkpointEvery: steps,
          validationBatches: 32,
        });
        const silent = { update() {}, log() {}, finish() {} };
        const { valLoss } = await pretrain(config, {
          device,
          directory,
          progress: silent,
          tokenCache: join(folder, `tokens-${seed}`),
        });
        const last = readMetrics(join(directory, "metrics.jsonl")).slice(-20);
        const trainLoss = last.reduce((sum, { loss }) => sum + (loss ?? 0), 0) / last.length;
        runs.push({ seed, store, trainLoss, valLoss: valLoss ?? Number.NaN });
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  const rows = runs.map(({ seed, store, trainLoss, valLoss }) => [
    String(seed),
    store,
    trainLoss.toFixed(4),
    valLoss.toFixed(4),
  ]);
  const difference =
    runs
      .filter(({ store }) => store === "fp8")
      .reduce(
        (sum, run) =>
          sum + run.valLoss - (runs.find((other) => other.seed === run.seed && other.store === "exact")?.valLoss ?? 0),
        0,
      ) / seeds.length;
  return {
    figures: { runs, meanValLossDifference: difference },
    checks: [],
    lines: [
      ...textTable(["seed", "store", "training loss, last 20", "validation loss"], rows),
      "",
      `fp8 costs ${difference.toFixed(4)} nats a token of validation on average, after ${steps} steps`,
    ],
  };
}

export async function run({ args }: BenchOptions): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      shape: { type: "string" },
      batch: { type: "string" },
      sequence: { type: "string" },
      repeats: { type: "string" },
      device: { type: "string" },
      threads: { type: "string" },
      loss: { type: "string" },
      seeds: { type: "string" },
    },
  });
  const open = () => openDevice(values.device ?? "wasm", values.threads ? { threads: Number(values.threads) } : {});
  if (values.loss !== undefined) {
    const device = await open();
    const result = await lossCost(Number(values.loss), (values.seeds ?? "1,2,3").split(",").map(Number), device);
    await device.close();
    return result;
  }
  const shape = values.shape ?? "k2-nano";
  const config = preset(shape);
  const size = {
    batch: Number(values.batch ?? 4),
    sequence: Number(values.sequence ?? Math.min(512, config.maxPositionEmbeddings)),
  };
  const timed = await time(open, config, size, Number(values.repeats ?? 2));
  const mini = { batch: 16, sequence: 2048 };
  const counted = settings.map((activations) => count(preset("k2-mini"), mini, activations));
  const named = (measured: readonly Measured[]) => measured.map((one, i) => ({ ...settings[i], ...one }));
  return {
    figures: { shape, ...size, timed: named(timed), mini: { ...mini, counted: named(counted) } },
    checks: [],
    lines: [
      `${shape}, ${size.batch} × ${size.sequence} tokens, the arena's peak in a step`,
      ...table(timed, size),
      "",
      `k2-mini, ${mini.batch} × ${mini.sequence} tokens, bf16, counted`,
      ...table(counted, mini),
    ],
  };
}
