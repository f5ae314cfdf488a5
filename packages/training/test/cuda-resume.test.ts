/** A run on a GPU that is stopped and resumed gives the bits of one that was not: attention's gradients included. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type K2Config, preset } from "@baltoro/k2";
import { openDevice, openSafetensors } from "@baltoro/tensor";
import { defaultPretrainConfig, pretrain } from "@baltoro/training";
import { skipWithoutGpu } from "../../tensor/test/gpu.ts";

test("stopped after five steps and resumed: the same weights after nine, in bf16", {
  skip: skipWithoutGpu(),
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "baltoro-cuda-resume-"));
  try {
    const words = "snow on the long glacier that leads to the mountain was white and cold all winter".split(" ");
    const documents = Array.from({ length: 80 }, (_, d) =>
      Array.from({ length: 80 }, (_, i) => words[(d * 31 + i * i * 7 + (i % 5) * d) % words.length]).join(" "),
    );
    const data = join(folder, "text.txt");
    writeFileSync(data, documents.join("\n\n\n"));
    // Heads and widths that take the kernels for tensor cores.
    const model: K2Config = {
      ...preset("k2-tiny"),
      ...{ vocabSize: 520, bosTokenId: 264, eosTokenId: 265, hiddenSize: 256, moeIntermediateSize: 64 },
      ...{ kvLoraRank: 64, qkNopeHeadDim: 128, qkRopeHeadDim: 64, vHeadDim: 128 },
    };
    const config = defaultPretrainConfig({
      ...{ data: [data], model, steps: 9, sequenceLength: 96, batchSize: 4, learningRate: 4e-3, warmup: 1, decay: 2 },
      ...{ checkpointEvery: 4, validateEvery: 3, validationBatches: 1 },
    });
    const run = async (name: string, stopAfter: number) => {
      const directory = join(folder, name);
      const stop = new AbortController();
      const progress = {
        log() {},
        finish() {},
        update: ({ step }: { step: number }) => step >= stopAfter && stop.abort(),
      };
      const device = await openDevice("cuda");
      const first = await pretrain(config, { device, directory, progress, signal: stop.signal });
      const last = first.finished ? first : await pretrain(config, { device, directory, progress, resume: true });
      await device.close();
      const file = await openSafetensors(join(last.checkpoint, "model.safetensors"));
      const weights = new Map<string, Buffer>();
      for (const name of file.names) weights.set(name, Buffer.from(await file.read(name)));
      await file.close();
      return { stoppedAt: first.step, weights };
    };
    const [whole, resumed] = [await run("whole", Number.POSITIVE_INFINITY), await run("resumed", 5)];
    assert.ok(resumed.stoppedAt < 9, `stopped at ${resumed.stoppedAt}`);
    for (const [name, bytes] of whole.weights) assert.ok(bytes.equals(resumed.weights.get(name) as Buffer), name);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
