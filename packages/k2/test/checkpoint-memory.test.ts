/** A checkpoint is streamed: whatever passes, the host holds a small part of one shard. Measured by what V8 says it holds. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  createModel,
  exportCheckpoint,
  type K2Config,
  loadWeights,
  namedWeights,
  parseConfig,
  preset,
  saveWeights,
  toHuggingFace,
} from "@baltoro/k2";
import { createDevice, openSafetensors, openWasmBackend, type StreamToWrite, writeShards } from "@baltoro/tensor";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const folder = await mkdtemp(join(tmpdir(), "baltoro-memory-"));
after(() => rm(folder, { recursive: true }));

/** 24 experts of three [1024, 1024] matrices, 75 MB in e4m3, and a dense layer of 13 MB. */
const config: K2Config = {
  ...preset("k2-tiny"),
  vocabSize: 512,
  hiddenSize: 1024,
  numHiddenLayers: 2,
  firstKDenseReplace: 1,
  intermediateSize: 4096,
  moeIntermediateSize: 1024,
  nRoutedExperts: 24,
  nSharedExperts: 1,
};
const shardBytes = 32 * 2 ** 20;
const source = join(folder, "source");
/** A quarter of a shard, a twelfth of the checkpoint. */
const allowed = shardBytes / 4;

/** Bytes of array buffers that are alive beyond those at the start, at most. Garbage is collected where it would count too much. */
function meter() {
  const held = () => process.memoryUsage().arrayBuffers;
  // Buffers are freed beside the program: one collection waits for what the one before it found.
  const alive = () => {
    for (let i = 0; i < 3; i++) collect();
    return held();
  };
  const start = alive();
  let peak = 0;
  return {
    sample: () => {
      const bytes = held() - start;
      if (bytes > peak) peak = Math.max(peak, bytes > allowed / 2 ? alive() - start : bytes);
    },
    peak: () => peak,
  };
}

/** The device's own memory is not the host's heap; every write to it or read from it is a sample. */
async function metered() {
  const backend = await openWasmBackend({ threads: 1 });
  let current = meter();
  const device = createDevice({
    ...backend,
    write: (...args) => {
      current.sample();
      backend.write(...args);
    },
    read: async (...args) => {
      const values = await backend.read(...args);
      current.sample();
      return values;
    },
  });
  const model = createModel(device, config);
  return {
    model,
    device,
    restart: () => {
      current = meter();
      return current;
    },
  };
}

before(async () => {
  await mkdir(source);
  // Codes of 0x00 to 0x7e and scales of 1, piece by piece: no model of this size is made for it.
  const codes = Uint8Array.from({ length: 2 ** 18 }, (_, i) => i % 0x7f);
  const ones = new Uint8Array(new Float32Array(2 ** 12).fill(1).buffer);
  const device = createDevice(await openWasmBackend({ threads: 1 }));
  const shapes = namedWeights(createModel(device, config).weights).flatMap(({ name, tensor, kind }) => {
    const matrix = kind === "matrix" && !name.endsWith("mlp.gate.weight");
    const one = { name, shape: name.includes("*") ? tensor.shape.slice(1) : tensor.shape, matrix };
    if (!name.includes("*")) return [one];
    return Array.from({ length: tensor.shape[0] }, (_, e) => ({ ...one, name: name.replace("*", String(e)) }));
  });
  await device.close();
  const repeat = (pattern: Uint8Array, length: number) =>
    async function* () {
      for (let at = 0; at < length; at += pattern.length)
        yield pattern.subarray(0, Math.min(pattern.length, length - at));
    };
  const size = (shape: readonly number[]) => shape.reduce((product, axis) => product * axis, 1);
  const tensors = shapes.flatMap(({ name, shape, matrix }): StreamToWrite[] => {
    if (!matrix) return [{ name, shape, dtype: "F32" as const, pieces: repeat(ones, 4 * size(shape)) }];
    const scales = [Math.ceil(shape[0] / 128), Math.ceil(shape[1] / 128)];
    return [
      { name, shape, dtype: "F8_E4M3" as const, pieces: repeat(codes, size(shape)) },
      { name: `${name}_scale_inv`, shape: scales, dtype: "F32" as const, pieces: repeat(ones, 4 * size(scales)) },
    ];
  });
  await writeShards(source, tensors, { shardBytes });
  // The fields of K2's config.json; the test's config is read back from them.
  const quantization = {
    activation_scheme: "dynamic",
    fmt: "e4m3",
    quant_method: "fp8",
    weight_block_size: [128, 128],
  };
  const fields = { ...toHuggingFace(config), quantization_config: quantization };
  assert.deepEqual(parseConfig(fields), config);
  await writeFile(join(source, "config.json"), JSON.stringify(fields));
  const shards = (await readdir(source)).filter((name) => name.endsWith(".safetensors"));
  assert.ok(shards.length >= 3, `${shards.length} shards`);
  const sizes = await Promise.all(shards.map(async (name) => (await stat(join(source, name))).size));
  assert.ok(sizes.reduce((sum, bytes) => sum + bytes, 0) > 2.8 * shardBytes);
});

test("an export to bf16 and back to fp8 holds less than a quarter of a shard", async (t) => {
  const steps = [
    [source, join(folder, "bf16"), "BF16"],
    [join(folder, "bf16"), join(folder, "again"), "F8_E4M3"],
  ] as const;
  for (const [from, to, dtype] of steps) {
    const { sample, peak } = meter();
    let samples = 0;
    const onProgress = () => {
      samples++;
      sample();
    };
    await exportCheckpoint(from, to, { dtype, shardBytes, onProgress });
    assert.ok(samples > 500, `${samples} samples`);
    t.diagnostic(`to ${dtype}: ${peak()} bytes of ${allowed}`);
    assert.ok(peak() < allowed, `${dtype}: ${peak()} bytes at the peak, allowed ${allowed}`);
  }
});

test("loading into a model and saving it hold less than a quarter of a shard", async (t) => {
  const { model, device, restart } = await metered();
  const loading = restart();
  await loadWeights(model, source);
  assert.ok(loading.peak() > 0 && loading.peak() < allowed, `${loading.peak()} bytes at the peak, allowed ${allowed}`);
  t.diagnostic(`loading: ${loading.peak()} bytes of ${allowed}`);
  const { experts } = model.weights.layers[1].moe ?? assert.fail();
  const values = await experts.down.read();
  assert.equal(values.length, 24 * 2 ** 20);
  // Codes repeat from row to row of 2¹⁸ values; 0x38 is 1.
  assert.equal(values[2 ** 20 + 0x38], 1);
  const saving = restart();
  await saveWeights(model, join(folder, "saved"), "F8_E4M3");
  t.diagnostic(`saving: ${saving.peak()} bytes of ${allowed}`);
  assert.ok(saving.peak() > 0 && saving.peak() < allowed, `${saving.peak()} bytes at the peak, allowed ${allowed}`);
  await device.close();
});

test("the meter sees a shard that is read whole", async () => {
  const file = await openSafetensors(join(source, "model-2-of-3.safetensors"));
  const { sample, peak } = meter();
  const whole = await Promise.all(file.names.map((name) => file.read(name)));
  sample();
  await file.close();
  const bytes = whole.reduce((sum, { length }) => sum + length, 0);
  assert.ok(peak() >= bytes && bytes > 3 * allowed, `${peak()} of ${bytes}, allowed ${allowed}`);
});
