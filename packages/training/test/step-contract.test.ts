import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type ActivationOptions,
  createModel,
  initializeWeights,
  type K2Config,
  preset,
  recomputeModes,
} from "@baltoro/k2";
import { createDevice, type Device, openWasmBackend, recordBackend } from "@baltoro/tensor";
import { type Communicator, createTrainStep, type MicroBatch, muonClip, type TrainStep } from "@baltoro/training";

const sequenceLength = 32;

/** Random text whose tokens, documents and therefore routing depend on the seed. */
function batchOf(config: K2Config, batchSize: number, length: number, seed: number): MicroBatch {
  let state = seed;
  const next = (n: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  const rows = batchSize * length;
  const documents = new Int32Array(rows);
  const positions = new Int32Array(rows);
  for (let i = 1; i < rows; i++) {
    const fresh = i % length === 0;
    const cut = !fresh && next(10) === 0;
    documents[i] = fresh ? 0 : documents[i - 1] + Number(cut);
    positions[i] = fresh || cut ? 0 : positions[i - 1] + 1;
  }
  const tokens = Int32Array.from({ length: rows }, () => next(config.vocabSize));
  return { tokens, targets: Int32Array.from(tokens, () => next(config.vocabSize)), positions, documents };
}

function stepOn(
  device: Device,
  config: K2Config,
  options: ActivationOptions & { batchSize: number; length: number; communicator?: Communicator },
): TrainStep {
  const model = createModel(device, config, { trainable: true });
  initializeWeights(model, { seed: 1 });
  const { batchSize, length, communicator, ...activations } = options;
  return createTrainStep(model, muonClip({}), {
    batchSize,
    sequenceLength: length,
    ...activations,
    ...(communicator ? { communicator } : {}),
  });
}

describe("a training step only enqueues", () => {
  const config = preset("k2-tiny");

  for (const [recompute, store] of [
    ...recomputeModes.map((mode) => [mode, "exact"] as const),
    ["k2", "fp8"] as const,
  ]) {
    test(`the calls of two steps with different text are the same, recomputed: ${recompute}, stored: ${store}`, async () => {
      const backend = recordBackend(await openWasmBackend({ threads: 1 }));
      const device = createDevice(backend);
      const step = stepOn(device, config, { batchSize: 2, length: sequenceLength, recompute, store });
      const recordings: (readonly string[])[] = [];
      const loads: string[] = [];
      for (let i = 0; i < 3; i++) {
        backend.beginStep();
        step.run([batchOf(config, 2, sequenceLength, 100 + i)], { learningRate: 1e-3 * (i + 1), step: i });
        recordings.push(backend.endStep());
        loads.push((await step.metrics()).loadImbalance.join());
      }
      await device.close();
      assert.notEqual(loads[1], loads[2], "the routing of the two steps must differ, or this shows nothing");
      assert.ok(recordings[1].length > 200, `${recordings[1].length} calls`);
      // The first step may still grow the arena.
      assert.deepEqual(recordings[2], recordings[1]);
    });
  }

  test("so does a step of several ranks: collectives are enqueued like kernels, in the same order with the same counts", async () => {
    const backend = recordBackend(await openWasmBackend({ threads: 1 }));
    const device = createDevice(backend);
    // As a device with an ordered queue would: what travels is left as it is, no host memory is looked at.
    const collectives: string[] = [];
    const note =
      (name: string) =>
      (...args: unknown[]) =>
        void collectives.push(`${name} ${args.filter((arg) => typeof arg !== "object").join(" ")}`);
    const communicator: Communicator = {
      rank: 1,
      size: 2,
      capturable: true,
      allReduce: note("allReduce"),
      reduceScatter: note("reduceScatter"),
      allGather: note("allGather"),
      broadcast: note("broadcast"),
      allToAll: note("allToAll"),
      barrier: async () => assert.fail("a barrier within a step"),
      abort() {},
      close: async () => {},
    };
    const step = stepOn(device, config, { batchSize: 2, length: sequenceLength, communicator });
    const recordings: (readonly string[])[] = [];
    for (let i = 0; i < 3; i++) {
      backend.beginStep();
      step.run([batchOf(config, 2, sequenceLength, 100 + i)], { learningRate: 1e-3, step: i });
      recordings.push([...backend.endStep(), ...collectives.splice(0)]);
      await step.metrics();
    }
    await device.close();
    assert.deepEqual(recordings[2], recordings[1]);
    assert.ok(recordings[2].some((call) => call.startsWith("reduceScatter")));
    assert.ok(!recordings[2].some((call) => call.startsWith("host view")));
  });

  test("a read inside a step is refused", async () => {
    const backend = recordBackend(await openWasmBackend({ threads: 1 }));
    const device = createDevice(backend);
    const step = stepOn(device, config, { batchSize: 1, length: sequenceLength });
    backend.beginStep();
    step.run([batchOf(config, 1, sequenceLength, 1)], { learningRate: 1e-3, step: 0 });
    await assert.rejects(step.metrics(), /inside a step: a step only enqueues/);
    backend.endStep();
    await device.close();
  });
});
