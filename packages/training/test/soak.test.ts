/** Long runs: memory does not grow, and recomputed activations take less than half of what a step needs. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createModel, initializeWeights, type K2Config, preset, type RecomputeMode, recomputeModes } from "@baltoro/k2";
import { createDevice, type Device, openCountingBackend, openDevice, persistent, type Tensor } from "@baltoro/tensor";
import { createTrainStep, muonClip } from "@baltoro/training";

const device = await openDevice("wasm", { threads: 2 });
after(() => device.close());

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const tiny: K2Config = { ...preset("k2-tiny"), hiddenSize: 16, intermediateSize: 32, numAttentionHeads: 2 };
const [batchSize, sequenceLength] = [2, 16];

function batchOf(size: number, length: number, seed: number, vocabSize: number) {
  const ids = (factor: number) =>
    Int32Array.from({ length: size * length }, (_, i) => ((i + 1) * factor * (seed + 3)) % vocabSize);
  return {
    tokens: ids(7),
    targets: ids(11),
    positions: Int32Array.from({ length: size * length }, (_, i) => i % length),
    documents: new Int32Array(size * length),
  };
}

/** Bytes that JavaScript holds once everything that can be collected is. */
async function heapBytes(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** How much memory the steps from `from` to `to` added. */
async function growth(from: number, to: number, eachStep: (step: number) => void = () => {}) {
  using model = createModel(device, tiny, { trainable: true });
  initializeWeights(model, { seed: 1 });
  const step = createTrainStep(model, muonClip({ tau: 0.5 }), { batchSize, sequenceLength, accumulation: 2 });
  const measure = async () => ({ heap: await heapBytes(), ...device.backend.stats() });
  let start = await measure();
  let loss = 0;
  for (let i = 0; i < to; i++) {
    if (i === from) start = await measure();
    const batches = [0, 1].map((micro) => batchOf(batchSize, sequenceLength, (2 * i + micro) % 50, tiny.vocabSize));
    step.run(batches, { learningRate: 1e-3, step: i });
    ({ loss } = await step.metrics());
    if (i % 100 === 0) await step.evaluate(batches[0]);
    eachStep(i);
  }
  assert.ok(Number.isFinite(loss) && loss > 0);
  assert.equal(device.memory.arena.liveBytes, 0);
  device.memory.arena.checkIntegrity();
  const end = await measure();
  return {
    heap: end.heap - start.heap,
    reserved: end.reservedBytes - start.reservedBytes,
    allocated: end.allocatedBytes - start.allocatedBytes,
  };
}

/** Compiled code and its feedback go on growing for a while: half a kilobyte for each of a thousand steps. */
const heapSlack = 512 * 1000;

test("1,000 training steps grow neither the WebAssembly memory nor the heap", async () => {
  const { heap, reserved, allocated } = await growth(300, 1300);
  assert.equal(reserved, 0);
  assert.equal(allocated, 0);
  assert.ok(heap <= heapSlack, `the heap grew by ${heap} bytes`);
});

test("memory that a step forgets would be noticed", async () => {
  const forgotten: Tensor[] = [];
  const leaking = await growth(20, 220, () => forgotten.push(persistent(device, [1 << 16], "f32", "forgotten")));
  assert.ok(leaking.reserved > 0 && leaking.allocated >= 200 * 4 * (1 << 16));
  for (const tensor of forgotten) tensor.release();
  const kept: number[][] = [];
  const heavy = await growth(20, 220, (step) => kept.push(Array.from({ length: 128 }, (_, i) => i + step + 0.5)));
  // A kilobyte for each of a fifth of the steps: more than a fifth of what is allowed.
  assert.ok(heavy.heap > heapSlack / 5, `the heap grew by ${heavy.heap} bytes only`);
  assert.ok(kept.length > 200);
});

/** Most bytes of the arena that one step needs. */
function peakBytes(on: Device, config: K2Config, size: number, length: number, recompute: RecomputeMode): number {
  using model = createModel(on, config, { trainable: true });
  const step = createTrainStep(model, muonClip(), { batchSize: size, sequenceLength: length, recompute });
  on.memory.arena.resetPeak();
  step.run([batchOf(size, length, 0, config.vocabSize)], { learningRate: 1e-3, step: 0 });
  return on.memory.arena.peakBytes;
}

test("k2-nano at batch 8 × 512: the arena's peak is at most 0.7 with K2's list recomputed, at most half with whole layers", async (t) => {
  const none = createDevice(openCountingBackend());
  const nano = preset("k2-nano");
  const [full, list, layer] = recomputeModes.map((mode) => peakBytes(none, nano, 8, 512, mode));
  const of = (bytes: number) =>
    `${(bytes / 2 ** 20).toFixed(1)} MiB, ${(bytes / 8 / 512 / 1024).toFixed(1)} KiB a token`;
  t.diagnostic(`kept ${of(full)}; K2's list ${of(list)}; whole layers ${of(layer)}`);
  assert.ok(list <= 0.7 * full, `${of(list)} with, ${of(full)} without`);
  assert.ok(layer <= full / 2, `${of(layer)} with, ${of(full)} without`);
  // The count without kernels is that of a real device.
  for (const mode of recomputeModes) {
    assert.equal(peakBytes(none, tiny, 4, 16, mode), peakBytes(device, tiny, 4, 16, mode));
  }
});
