/** Activations that are computed again instead of kept: the same losses and weights, bit for bit. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createModel, initializeWeights, type K2Config, namedWeights, preset, type RecomputeMode } from "@baltoro/k2";
import { type DeviceOptions, openDevice } from "@baltoro/tensor";
import { createTrainStep, type MicroBatch, muonClip, storedPretrainConfig } from "@baltoro/training";
import { skipWithoutGpu } from "../../tensor/test/gpu.ts";

const [batchSize, accumulation] = [2, 2];
/** The reference device computes one number after the other. */
const sizeOn = (name: string) =>
  name === "reference" ? { sequenceLength: 8, steps: 3 } : { sequenceLength: 32, steps: 5 };

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
  recompute: RecomputeMode,
  captured = false,
) {
  const device = await openDevice(name, options);
  const model = createModel(device, config, { trainable: true });
  initializeWeights(model, { seed: 3 });
  const { sequenceLength, steps } = sizeOn(name);
  const shape = { batchSize, sequenceLength, accumulation };
  const step = createTrainStep(model, muonClip({ tau: 0.05 }), { ...shape, recompute, captured });
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

const cases: readonly (readonly [string, DeviceOptions])[] = [
  ["wasm", { threads: 1 }],
  ["reference", {}],
  ["cuda", { precision: "f32" }],
  ["cuda", { precision: "bf16" }],
];

for (const [name, options] of cases) {
  for (const [what, config] of Object.entries(models)) {
    test(`${name} ${options.precision ?? ""}, ${what}: recomputed activations give the bits of kept ones, replayed steps too`, {
      skip: name === "cuda" && skipWithoutGpu(),
    }, async () => {
      const kept = await train(name, options, config, "none");
      assert.ok(kept.losses.every(Number.isFinite));
      for (const mode of ["k2", "layer"] as const) {
        const again = await train(name, options, config, mode);
        assert.deepEqual(again.losses, kept.losses, mode);
        assert.deepEqual(again.weights, kept.weights, mode);
        assert.ok(again.peak < kept.peak, `${mode}: ${again.peak} bytes, ${kept.peak} without`);
        if (name === "reference") continue;
        const replayed = await train(name, options, config, mode, true);
        assert.deepEqual(replayed, again, `${mode}, captured`);
      }
    });
  }
}

test("the configuration of a run from before: whether it recomputed activations; another mode to go on with", () => {
  assert.equal(storedPretrainConfig({ checkpointing: true }).recompute, "layer");
  assert.equal(storedPretrainConfig({ checkpointing: false }).recompute, "none");
  assert.equal(storedPretrainConfig({ recompute: "k2" }).recompute, "k2");
  assert.equal(storedPretrainConfig({ recompute: "k2" }, { recompute: "layer" }).recompute, "layer");
});
