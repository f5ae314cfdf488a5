/** Activations that are computed again instead of kept: the same losses and weights, bit for bit. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type ActivationOptions,
  createModel,
  initializeWeights,
  type K2Config,
  namedWeights,
  preset,
} from "@baltoro/k2";
import { type DeviceOptions, openDevice } from "@baltoro/tensor";
import { createTrainStep, type MicroBatch, muonClip, storedPretrainConfig } from "@baltoro/training";
import { skipWithoutGpu } from "../../tensor/test/gpu.ts";

const [batchSize, accumulation] = [2, 2];
/** The reference device computes one number after the other. */
const sizeOn = (name: string) =>
  name === "reference" ? { sequenceLength: 8, steps: 2 } : { sequenceLength: 32, steps: 5 };

const tiny = preset("k2-tiny");
const models: Readonly<Record<string, K2Config>> = {
  "with experts": tiny,
  // Queries come from the norm's output itself: a part that is computed again from another such part.
  "dense, without low-rank queries": { ...tiny, qLoraRank: null, firstKDenseReplace: tiny.numHiddenLayers },
};

function microBatch(seed: number, sequenceLength: number): MicroBatch {
  const rows = batchSize * sequenceLength;
  const draw = (salt: number) =>
    Int32Array.from({ length: rows }, (_, i) => (Math.imul(i + 1, 2654435761) >>> (seed + salt)) % 200);
  const positions = Int32Array.from({ length: rows }, (_, i) => i % sequenceLength);
  return { tokens: draw(1), targets: draw(3), positions, documents: new Int32Array(rows) };
}

async function train(
  name: string,
  options: DeviceOptions,
  config: K2Config,
  activations: ActivationOptions,
  captured = false,
) {
  const device = await openDevice(name, options);
  const model = createModel(device, config, { trainable: true });
  initializeWeights(model, { seed: 3 });
  const { sequenceLength, steps } = sizeOn(name);
  const shape = { batchSize, sequenceLength, accumulation };
  const step = createTrainStep(model, muonClip({ tau: 0.05 }), { ...shape, ...activations, captured });
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) {
    step.run([microBatch(i, sequenceLength), microBatch(i + 5, sequenceLength)], {
      learningRate: 1e-2 / (i + 1),
      step: i,
    });
    const { loss, gradientNorm, maxLogits, loadImbalance } = await step.metrics();
    losses.push(loss, gradientNorm, ...maxLogits, ...loadImbalance);
  }
  const weights = await Promise.all(namedWeights(model.weights).map(({ tensor }) => tensor.read()));
  const peak = device.memory.arena.peakBytes;
  await device.close();
  return { losses, weights: weights.map((values) => Array.from(values)), peak };
}

const cases: readonly (readonly [label: string, name: string, options: DeviceOptions])[] = [
  ["wasm", "wasm", { threads: 1 }],
  ["reference", "reference", {}],
  ["cuda f32", "cuda", { precision: "f32" }],
  ["cuda bf16", "cuda", { precision: "bf16" }],
];

for (const [label, name, options] of cases) {
  for (const [what, config] of Object.entries(models)) {
    test(`${label}, ${what}: recomputed activations give the bits of kept ones, replayed steps too`, {
      skip: name === "cuda" && skipWithoutGpu(),
    }, async () => {
      const kept = await train(name, options, config, {});
      assert.ok(kept.losses.every(Number.isFinite));
      for (const mode of ["k2", "layer"] as const) {
        const again = await train(name, options, config, { recompute: mode });
        assert.deepEqual(again.losses, kept.losses, mode);
        assert.deepEqual(again.weights, kept.weights, mode);
        assert.ok(again.peak < kept.peak, `${mode}: ${again.peak} bytes, ${kept.peak} without`);
        if (name === "reference") continue;
        const replayed = await train(name, options, config, { recompute: mode }, true);
        assert.deepEqual(replayed, again, `${mode}, captured`);
      }
    });
  }
}

for (const [label, name, options] of cases) {
  test(`${label}: activations in e4m3 leave the losses of a step, round its gradients, and take less; replayed steps too`, {
    skip: name === "cuda" && skipWithoutGpu(),
  }, async () => {
    const config = models["with experts"];
    const kept = await train(name, options, config, {});
    const stored = await train(name, options, config, { store: "fp8" });
    const [loss, gradientNorm] = stored.losses;
    assert.equal(loss, kept.losses[0]);
    assert.notEqual(gradientNorm, kept.losses[1]);
    assert.ok(Math.abs(gradientNorm / kept.losses[1] - 1) < 0.02, `${gradientNorm}, exactly ${kept.losses[1]}`);
    // The reference keeps a code in as much room as a number.
    if (name !== "reference") assert.ok(stored.peak < kept.peak, `${stored.peak} bytes, ${kept.peak} without`);
    // Which activations are computed again does not change what is rounded.
    const both = await train(name, options, config, { store: "fp8", recompute: "k2" });
    assert.equal(both.losses[0], loss);
    if (name === "reference") return;
    assert.ok(both.peak < stored.peak, `${both.peak} bytes, ${stored.peak} without`);
    assert.deepEqual(await train(name, options, config, { store: "fp8", recompute: "k2" }, true), both);
  });
}

test("the configuration of a run from before: whether it recomputed activations; another mode to go on with", () => {
  assert.equal(storedPretrainConfig({ checkpointing: true }).recompute, "layer");
  assert.equal(storedPretrainConfig({ checkpointing: false }).recompute, "none");
  assert.equal(storedPretrainConfig({ recompute: "k2" }).recompute, "k2");
  assert.equal(storedPretrainConfig({ recompute: "k2" }, { recompute: "layer" }).recompute, "layer");
  assert.equal(storedPretrainConfig({}).store, "exact");
  assert.throws(() => storedPretrainConfig({ store: "fp8" }, { recompute: "layer" }), /store fp8 with recompute layer/);
});
