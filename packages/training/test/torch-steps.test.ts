/**
 * Twenty training steps against PyTorch (bench/peers/torch_steps.py wrote the fixture): the same weights, batches and
 * optimizer give the same losses. Clipping, QK-Clip and bias balancing are all at work, and leaving any of them out is noticed.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createModel, loadWeights, readConfig } from "@baltoro/k2";
import { openDevice } from "@baltoro/tensor";
import { createTrainStep, type MuonClipOptions, muonClip } from "@baltoro/training";
import { skipWithoutGpu } from "../../tensor/test/gpu.ts";

const fixture = join(import.meta.dirname, "../fixtures/torch-steps");

interface Recorded {
  readonly run: {
    readonly steps: number;
    readonly learningRate: number;
    readonly weightDecay: number;
    readonly maxGradientNorm: number;
    readonly qkClipThreshold: number;
    readonly balanceRate: number;
  };
  readonly batchSize: number;
  readonly sequenceLength: number;
  /** Of each step: batchSize sequences of sequenceLength + 1 ids. */
  readonly ids: readonly (readonly number[])[];
  readonly losses: readonly number[];
  readonly gradientNorms: readonly number[];
  /** Of each step and layer. */
  readonly maxLogits: readonly (readonly number[])[];
}

const recorded = JSON.parse(readFileSync(join(fixture, "steps.json"), "utf8")) as Recorded;

/** Changes to the run that PyTorch made. */
interface Mutation {
  readonly optimizer?: MuonClipOptions;
  readonly balanceRate?: number;
}

/** Our losses, norms and largest logits on the recorded batches. */
async function train({ optimizer, balanceRate }: Mutation = {}, name = "wasm") {
  const { run, batchSize, sequenceLength } = recorded;
  const device = await openDevice(name, name === "cuda" ? { precision: "f32" } : { threads: 2 });
  try {
    const model = createModel(device, await readConfig(fixture), { trainable: true });
    await loadWeights(model, fixture);
    const { weightDecay, maxGradientNorm, qkClipThreshold: tau } = run;
    const given = { muon: { weightDecay }, adamW: { weightDecay }, maxGradientNorm, tau, ...optimizer };
    const step = createTrainStep(model, muonClip(given), {
      batchSize,
      sequenceLength,
      balanceRate: balanceRate ?? run.balanceRate,
    });
    const metrics = [];
    for (const [index, ids] of recorded.ids.entries()) {
      const shifted = (by: number) =>
        Int32Array.from({ length: batchSize * sequenceLength }, (_, i) => {
          const sequence = Math.floor(i / sequenceLength);
          return ids[sequence * (sequenceLength + 1) + (i % sequenceLength) + by];
        });
      const batch = {
        tokens: shifted(0),
        targets: shifted(1),
        positions: Int32Array.from({ length: batchSize * sequenceLength }, (_, i) => i % sequenceLength),
        documents: new Int32Array(batchSize * sequenceLength),
      };
      step.run([batch], { learningRate: run.learningRate, step: index });
      metrics.push(await step.metrics());
    }
    return metrics;
  } finally {
    await device.close();
  }
}

/** Largest |a − b| / |b|. */
function deviation(ours: readonly number[], theirs: readonly number[]): number {
  assert.equal(ours.length, theirs.length);
  return Math.max(...ours.map((value, i) => Math.abs(value - theirs[i]) / Math.abs(theirs[i])));
}

const lossDeviation = (metrics: readonly { readonly loss: number }[]) =>
  deviation(
    metrics.map(({ loss }) => loss),
    recorded.losses,
  );

for (const name of ["wasm", "cuda"]) {
  const skip = name === "cuda" && skipWithoutGpu();
  test(`twenty losses, gradient norms and largest logits equal PyTorch's (${name})`, { skip }, async () => {
    const metrics = await train({}, name);
    assert.equal(metrics.length, 20);
    assert.ok(lossDeviation(metrics) <= 1e-3, `losses differ by ${lossDeviation(metrics)}`);
    const norms = deviation(
      metrics.map(({ gradientNorm }) => gradientNorm),
      recorded.gradientNorms,
    );
    assert.ok(norms <= 1e-2, `gradient norms differ by ${norms}`);
    const logits = deviation(
      metrics.flatMap(({ maxLogits }) => maxLogits),
      recorded.maxLogits.flat(),
    );
    assert.ok(logits <= 1e-2, `largest logits differ by ${logits}`);
  });
}

const mutations: Readonly<Record<string, Mutation>> = {
  "no QK-Clip": { optimizer: { tau: 0 } },
  "no clipping by the global norm": { optimizer: { maxGradientNorm: 0 } },
  "no bias balancing": { balanceRate: 0 },
  "no Nesterov momentum": { optimizer: { muon: { nesterov: false } } },
  "no weight decay on matrices": { optimizer: { muon: { weightDecay: 0 } } },
  "AdamW with β₂ 0.99": { optimizer: { adamW: { beta2: 0.99 } } },
};
for (const [name, mutation] of Object.entries(mutations)) {
  test(`${name} would be noticed`, async () => {
    const value = lossDeviation(await train(mutation));
    assert.ok(value > 1e-3, `losses differ by ${value} only`);
  });
}
