/** A run that diverges stops, says so, and leaves the last good checkpoint as it was. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type K2Config, preset } from "@baltoro/k2";
import { createDevice, openDevice, openSafetensors } from "@baltoro/tensor";
import {
  DivergedError,
  defaultPretrainConfig,
  latestCheckpoint,
  listCheckpoints,
  type PretrainConfig,
  type Progress,
  pretrain,
  readMetrics,
  verifyCheckpoint,
} from "@baltoro/training";

const device = await openDevice("wasm", { threads: 2 });
const folder = mkdtempSync(join(tmpdir(), "baltoro-nan-"));
after(async () => {
  rmSync(folder, { recursive: true });
  await device.close();
});

const data = join(folder, "text.txt");
const words = "the glacier that leads to the mountain is long and white and very cold in winter".split(" ");
writeFileSync(
  data,
  Array.from({ length: 60 }, (_, d) =>
    Array.from({ length: 60 }, (_, i) => words[(d * 31 + i * i * 7 + (i % 5) * d) % words.length]).join(" "),
  ).join("\n\n\n"),
);
const model: K2Config = { ...preset("k2-tiny"), vocabSize: 520, bosTokenId: 264, eosTokenId: 265 };
const silent: Progress = { update() {}, log() {}, finish() {} };

const configOf = (changes: Partial<PretrainConfig>): PretrainConfig =>
  defaultPretrainConfig({
    data: [data],
    model,
    steps: 4,
    sequenceLength: 32,
    batchSize: 2,
    learningRate: 1e-3,
    warmup: 1,
    decay: 0,
    checkpointEvery: 4,
    validateEvery: 100,
    validationBatches: 1,
    ...changes,
  });

/** All files of a directory with their bytes. */
function contents(directory: string): Map<string, string> {
  const entries = readdirSync(directory, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile());
  return new Map(
    entries.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path, readFileSync(path, "base64")];
    }),
  );
}

/** The step that takes it still has a finite loss, and the next one may too: norms turn infinite weights into zeros. */
const ruinous = 1e38;

for (const [what, checkpointEvery, message] of [
  ["between two checkpoints", 100, /^training diverged at step 6: loss .*, gradient norm NaN\. /],
  [
    "right before a checkpoint is due",
    5,
    /^training diverged at step 5: after its update .* weights (NaN|Infinity)\. /,
  ],
] as const) {
  test(`training that diverges ${what} stops the run and leaves the last good checkpoint whole`, async () => {
    const directory = join(folder, `run-${checkpointEvery}`);
    const { checkpoint } = await pretrain(configOf({}), { device, directory, progress: silent });
    const before = contents(checkpoint);
    assert.ok(before.size >= 4);

    const diverging = configOf({ steps: 20, learningRate: ruinous, checkpointEvery, keepCheckpoints: 1 });
    await assert.rejects(pretrain(diverging, { device, directory, progress: silent, resume: true }), (error: Error) => {
      assert.ok(error instanceof DivergedError, String(error));
      assert.match(error.message, message);
      assert.match(error.message, /The checkpoint of step 4 is from before/);
      assert.match(error.message, /lower learning rate \(1\.00e\+38 here\)/);
      return true;
    });

    const checkpoints = join(directory, "checkpoints");
    assert.deepEqual(
      listCheckpoints(checkpoints).complete.map(({ step }) => step),
      [4],
    );
    assert.equal(latestCheckpoint(checkpoints).checkpoint?.path, checkpoint);
    verifyCheckpoint(checkpoint);
    assert.deepEqual(contents(checkpoint), before);
    for (const { step, loss } of readMetrics(join(directory, "metrics.jsonl")))
      assert.ok(step <= 5 && (step === 0 || Number.isFinite(loss)), `step ${step}: loss ${loss}`);

    // The lock is free, and a gentler run goes on from there.
    const resumed = await pretrain(configOf({ steps: 7 }), { device, directory, progress: silent, resume: true });
    assert.ok(resumed.finished && resumed.step === 7 && Number.isFinite(resumed.valLoss));
    const file = await openSafetensors(resumed.checkpoint);
    for (const name of file.names) assert.ok((await file.readFloat32(name)).every(Number.isFinite), name);
    await file.close();
  });
}

test("a loss that is NaN stops the run at its step", async () => {
  const directory = join(folder, "loss");
  let broken = false;
  const { backend } = device;
  const poisoned = createDevice({
    ...backend,
    read: async (buffer, dtype, length) => {
      const values = await backend.read(buffer, dtype, length);
      // The loss comes first in what the host reads of a step.
      if (broken) values[0] = Number.NaN;
      return values;
    },
  });
  const progress: Progress = {
    ...silent,
    update({ step }) {
      broken = step === 6;
    },
  };
  await assert.rejects(
    pretrain(configOf({ steps: 20 }), { device: poisoned, directory, progress }),
    /training diverged at step 7: loss NaN.*The checkpoint of step 4 is from before/,
  );
  const { checkpoint } = latestCheckpoint(join(directory, "checkpoints"));
  assert.equal(checkpoint?.step, 4);
  verifyCheckpoint(checkpoint.path);
  const resumed = await pretrain(configOf({ steps: 8 }), { device, directory, progress: silent, resume: true });
  assert.equal(resumed.step, 8);
});

test("a run that diverges before its first checkpoint says that there is none", async () => {
  const directory = join(folder, "at once");
  const config = configOf({ steps: 20, learningRate: ruinous, checkpointEvery: 1 });
  await assert.rejects(
    pretrain(config, { device, directory, progress: silent }),
    /training diverged at step 1: .*No checkpoint was written yet: start again with a lower learning rate/,
  );
  assert.ok(!existsSync(join(directory, "checkpoints")) || readdirSync(join(directory, "checkpoints")).length === 0);
});
