/** A device that fails while the host reads one step behind, as on a GPU with captured steps: what the message names, and what is left. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type K2Config, preset } from "@baltoro/k2";
import {
  type Backend,
  type BufferHandle,
  createDevice,
  DeviceLostError,
  type DType,
  OutOfMemoryError,
  openDevice,
  type TensorData,
} from "@baltoro/tensor";
import {
  DivergedError,
  defaultPretrainConfig,
  latestCheckpoint,
  type PretrainConfig,
  type Progress,
  pretrain,
  readEnding,
  readMetrics,
  runDirectory,
  TrainingFailedError,
} from "@baltoro/training";

const folder = mkdtempSync(join(tmpdir(), "baltoro-failing-"));
after(() => rmSync(folder, { recursive: true }));

const data = join(folder, "text.txt");
const words = "the glacier that leads to the mountain is long and white".split(" ");
writeFileSync(
  data,
  Array.from({ length: 40 }, (_, d) =>
    Array.from({ length: 40 }, (_, i) => words[(d * 31 + i * i * 7) % words.length]).join(" "),
  ).join("\n\n\n"),
);
const model: K2Config = {
  ...preset("k2-tiny"),
  vocabSize: 520,
  bosTokenId: 264,
  eosTokenId: 265,
  hiddenSize: 16,
  intermediateSize: 32,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
};
const config: PretrainConfig = defaultPretrainConfig({
  data: [data],
  model,
  steps: 9,
  sequenceLength: 8,
  batchSize: 1,
  warmup: 1,
  decay: 0,
  checkpointEvery: 4,
  validateEvery: 100,
  validationBatches: 1,
});
const silent: Progress = { update() {}, log() {}, finish() {} };

/** What a test changes of the device. `asked` counts the steps whose report was asked for. */
type Change = (
  backend: Backend,
  asked: () => number,
) => Partial<Backend> & { report?: (values: TensorData) => TensorData };

const { backend: wasm, close } = await openDevice("wasm", { threads: 1 });
after(close);

/**
 * The CPU device as one whose reads are queued: steps are captured on it, and their reports read one step behind, as on CUDA. A report is
 * copied in the queue, where the next step cannot overwrite it.
 */
function queuedDevice(change: Change = () => ({})) {
  let asked = 0;
  let report: BufferHandle | null = null;
  const queued: Backend = {
    ...wasm,
    description: { ...wasm.description, kind: "cuda" },
    alloc(byteLength, label, dtype) {
      const buffer = wasm.alloc(byteLength, label, dtype);
      if (label === "report") report = buffer;
      return buffer;
    },
    async read(buffer: BufferHandle, dtype: DType, length: number) {
      if (buffer !== report) return wasm.read(buffer, dtype, length);
      asked++;
      const copy = wasm.alloc(buffer.byteLength, "a copy of the report");
      const strides = { srcOffset: 0, src0: 0, src1: 0, dstOffset: 0, dst0: 0, dst1: 0 };
      wasm.enqueue("copy3d", { src: buffer, dst: copy, n0: 1, n1: 1, n2: length, ...strides, accumulate: 0 });
      const index = asked;
      const values = await wasm.read(copy, dtype, length);
      wasm.free(copy);
      return index === 6 && changed.report ? changed.report(values) : values;
    },
  };
  const changed = change(queued, () => asked);
  return createDevice({ ...queued, ...changed });
}

const run = (name: string, device = queuedDevice()) =>
  pretrain(config, { device, directory: join(folder, name), progress: silent });

/** The losses of a run, of its steps that are known. */
function lossesOf(name: string) {
  const records = readMetrics(runDirectory(join(folder, name)).metrics);
  return records.map(({ loss }) => loss);
}

await run("whole");

const cases: readonly (readonly [what: string, change: Change, kind: new () => Error, message: RegExp])[] = [
  [
    "a loss that is NaN",
    () => ({ report: (values) => values.fill(Number.NaN, 0, 1) }),
    DivergedError,
    /^training diverged at step 6: loss NaN.*The checkpoint of step 4 is from before/,
  ],
  [
    "a device that is lost",
    () => ({
      report() {
        throw new DeviceLostError("read: the card has fallen off the bus");
      },
    }),
    TrainingFailedError,
    /^training ended in step 6 or 7: read: the card has fallen.*The checkpoint of step 4 is whole: go on with --resume/,
  ],
  [
    "memory that runs out when the next step is enqueued",
    (backend, asked) => ({
      launch(graph) {
        // Step 7 is enqueued when the report of step 6 has been asked for.
        if (asked() === 6) throw new OutOfMemoryError("cuGraphLaunch: CUDA_ERROR_OUT_OF_MEMORY: out of memory");
        backend.launch(graph);
      },
    }),
    TrainingFailedError,
    /^training ended in step 7: cuGraphLaunch.*step 4 is whole: go on with --resume .*with --recompute k2, or layer/,
  ],
];

for (const [i, [what, change, kind, message]] of cases.entries()) {
  test(`read one step behind: ${what}`, async () => {
    const name = `case ${i}`;
    await assert.rejects(run(name, queuedDevice(change)), (error: Error) => {
      assert.ok(error instanceof kind, String(error));
      assert.match(error.message, message);
      return true;
    });
    const files = runDirectory(join(folder, name));
    assert.equal(latestCheckpoint(files.checkpoints).checkpoint?.step, 4);
    assert.equal(lossesOf(name).length, 6, "steps 0 to 5 are known");
    assert.deepEqual(lossesOf(name), lossesOf("whole").slice(0, 6));
    const ending = readEnding(files);
    assert.equal(ending?.outcome, "failed");
    assert.match(ending?.message ?? "", message);
    assert.match(readFileSync(files.report, "utf8"), /failed/);

    const options = { device: queuedDevice(), directory: files.path, progress: silent, resume: true };
    assert.ok((await pretrain(config, options)).finished);
    assert.equal(readEnding(files)?.outcome, "finished");
    assert.deepEqual(lossesOf(name), lossesOf("whole"));
    const weights = (path: string) =>
      readFileSync(join(path, "checkpoints/step-000009/model.safetensors")).toString("base64");
    assert.ok(weights(files.path) === weights(join(folder, "whole")), "the weights differ");
  });
}

test("memory that does not suffice for the optimizer: there is no step yet, and no checkpoint", async () => {
  const device = queuedDevice((backend) => ({
    alloc(byteLength, label, dtype) {
      if (label.includes("momentum")) throw new OutOfMemoryError(`out of memory: ${byteLength} bytes for ${label}`);
      return backend.alloc(byteLength, label, dtype);
    },
  }));
  await assert.rejects(
    run("none", device),
    /^TrainingFailedError: training ended before step 1: out of memory: \d+ bytes for .*No checkpoint was written yet: start again, with --recompute k2, or layer/,
  );
  assert.deepEqual(
    { ...readEnding(runDirectory(join(folder, "none"))), message: "" },
    {
      outcome: "failed",
      step: 0,
      message: "",
    },
  );
  // The lock is free, and the directory can be used again.
  assert.ok((await run("none")).finished);
});
