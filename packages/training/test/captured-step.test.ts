/** A step that is recorded once and replayed gives the bits of one whose kernels are enqueued each time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createModel, initializeWeights, namedWeights, preset } from "@baltoro/k2";
import { openDevice } from "@baltoro/tensor";
import { createTrainStep, type MicroBatch, muonClip, type StepMetrics } from "@baltoro/training";
import { skipWithoutGpu } from "../../tensor/test/gpu.ts";

const config = preset("k2-tiny");
const [batchSize, sequenceLength, accumulation, steps] = [2, 32, 2, 6];

function microBatch(seed: number): MicroBatch {
  const rows = batchSize * sequenceLength;
  const draw = (salt: number) =>
    Int32Array.from({ length: rows }, (_, i) => (Math.imul(i + 1, 2654435761) >>> (seed + salt)) % 200);
  const targets = draw(3);
  targets.fill(-1, 0, seed * 2);
  const positions = Int32Array.from({ length: rows }, (_, i) => i % sequenceLength);
  return { tokens: draw(1), targets, positions, documents: new Int32Array(rows) };
}

async function train(name: string, captured: boolean, ahead: boolean) {
  const device = await openDevice(name, name === "cuda" ? {} : { threads: 1 });
  const model = createModel(device, config, { trainable: true });
  initializeWeights(model, { seed: 3 });
  const step = createTrainStep(model, muonClip({ tau: 0.05 }), { batchSize, sequenceLength, accumulation, captured });
  const metrics: StepMetrics[] = [];
  let pending: Promise<StepMetrics> | null = null;
  for (let i = 0; i < steps; i++) {
    const batches = [microBatch(i), microBatch(i + 5)];
    step.run(batches, { learningRate: 1e-2 / (i + 1), step: i });
    if (pending) metrics.push(await pending);
    pending = step.metrics();
    if (!ahead) {
      metrics.push(await pending);
      pending = null;
    }
    // What is not part of the step leaves no trace in it.
    if (i === 3) {
      if (pending) metrics.push(await pending);
      pending = null;
      await step.evaluate(microBatch(9));
    }
  }
  if (pending) metrics.push(await pending);
  const weights = await Promise.all(namedWeights(model.weights).map(({ tensor }) => tensor.read()));
  await device.close();
  return { metrics, weights };
}

for (const name of ["wasm", "cuda"]) {
  test(`replayed steps and steps whose metrics are read late: the same bits, ${name}`, {
    skip: name === "cuda" && skipWithoutGpu(),
  }, async () => {
    const expected = await train(name, false, false);
    assert.equal(expected.metrics.length, steps);
    assert.notEqual(expected.metrics[0].loss, expected.metrics[5].loss);
    for (const ahead of name === "cuda" ? [false, true] : [false]) {
      const actual = await train(name, true, ahead);
      assert.deepEqual(actual.metrics, expected.metrics);
      assert.ok(actual.weights.join() === expected.weights.join(), "the weights differ");
    }
  });
}
