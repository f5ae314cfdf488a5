/** K2's FP8 layout: e4m3 projections with scales per block, in shards. What is wrong with a checkpoint is named. */
import assert from "node:assert/strict";
import { cp, mkdtemp, open, readdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  exportCheckpoint,
  forwardLogits,
  isQuantized,
  type K2Config,
  type K2Model,
  loadWeights,
  namedWeights,
  openCheckpoint,
  parseQuantization,
  preset,
  saveTokenizer,
  saveWeights,
  stageWeights,
  Tokenizer,
} from "@baltoro/k2";
import {
  createDevice,
  e4m3Values,
  openReferenceBackend,
  openSafetensors,
  planShards,
  type SafetensorsFile,
  scope,
  tensor,
  toE4m3,
  writeSafetensors,
} from "@baltoro/tensor";
import fc from "fast-check";
import { drawModel, valuesOf } from "./random-model.ts";

const device = createDevice(openReferenceBackend());
const folder = await mkdtemp(join(tmpdir(), "baltoro-fp8-"));
after(() => rm(folder, { recursive: true }));

/** Projections of one block, of several, and ragged ones: kv_a is [136 + 8, 160], o [160, 140], experts' down [160, 130]. */
const config: K2Config = {
  ...preset("k2-tiny"),
  vocabSize: 512,
  hiddenSize: 160,
  numHiddenLayers: 2,
  intermediateSize: 260,
  moeIntermediateSize: 130,
  nSharedExperts: 2,
  numAttentionHeads: 2,
  qLoraRank: 129,
  kvLoraRank: 136,
  qkNopeHeadDim: 70,
  qkRopeHeadDim: 8,
  vHeadDim: 70,
};

const randomModel = (seed: number) => drawModel(device, config, seed);

async function withFile<T>(path: string, use: (file: SafetensorsFile) => Promise<T>): Promise<T> {
  const file = await openSafetensors(path);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/** Nearest bf16, ties to even. */
function toBf16(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  bits[0] = (bits[0] + 0x7fff + ((bits[0] >>> 16) & 1)) & 0xffff0000;
  return new Float32Array(bits.buffer)[0];
}

/** What a matrix becomes in e4m3 with blocks of 128 × 128, by the definition. */
function throughBlocks(values: Float32Array, columns: number): Float32Array {
  const across = Math.ceil(columns / 128);
  const blockOf = (i: number) => Math.floor(i / columns / 128) * across + Math.floor((i % columns) / 128);
  const largest = new Map<number, number>();
  for (const [i, value] of values.entries())
    largest.set(blockOf(i), Math.max(largest.get(blockOf(i)) ?? 0, Math.abs(value)));
  return values.map((value, i) => {
    const scale = Math.fround((largest.get(blockOf(i)) as number) / 448);
    return e4m3Values[toE4m3(value / scale)] * scale;
  });
}

const source = join(folder, "fp8");
let model: K2Model;
before(async () => {
  model = randomModel(1);
  await saveWeights(model, source, "F8_E4M3", { note: "made by a test" });
});

test("projections are e4m3 with f32 scales per block, embeddings, head, norms and router bf16, the bias f32", async () => {
  await withFile(source, async (file) => {
    const scales: Record<string, number[]> = {};
    for (const name of file.names) {
      const { dtype, shape } = file.info(name);
      if (name.endsWith("_scale_inv")) {
        assert.equal(dtype, "F32", name);
        scales[name.slice(0, -"_scale_inv".length)] = [...shape];
      } else if (name.includes("e_score_correction_bias")) assert.equal(dtype, "F32", name);
      else if (/embed_tokens|lm_head|norm|mlp\.gate\.weight/.test(name)) assert.equal(dtype, "BF16", name);
      else assert.equal(dtype, "F8_E4M3", name);
    }
    for (const name of file.names) {
      const { dtype, shape } = file.info(name);
      if (dtype !== "F8_E4M3") continue;
      assert.deepEqual(scales[name], [Math.ceil(shape[0] / 128), Math.ceil(shape[1] / 128)], name);
      delete scales[name];
    }
    assert.deepEqual(scales, {});
    assert.deepEqual(file.info("model.layers.0.self_attn.kv_a_proj_with_mqa.weight_scale_inv").shape, [2, 2]);
    assert.equal(file.metadata["note"], "made by a test");
  });
  const fields = JSON.parse(await readFile(join(source, "config.json"), "utf8"));
  assert.deepEqual(fields.quantization_config, {
    activation_scheme: "dynamic",
    fmt: "e4m3",
    quant_method: "fp8",
    weight_block_size: [128, 128],
  });
});

test("K2's names: every projection is quantized and nothing else", () => {
  const layer = "model.layers.7";
  for (const name of ["q_a_proj", "q_b_proj", "q_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj"])
    assert.ok(isQuantized(`${layer}.self_attn.${name}.weight`), name);
  for (const name of ["gate_proj", "up_proj", "down_proj"])
    for (const part of ["mlp", "mlp.shared_experts", "mlp.experts.383"])
      assert.ok(isQuantized(`${layer}.${part}.${name}.weight`), `${part}.${name}`);
  for (const name of ["mlp.gate.weight", "mlp.gate.e_score_correction_bias", "self_attn.q_a_layernorm.weight"])
    assert.ok(!isQuantized(`${layer}.${name}`), name);
  for (const name of ["model.embed_tokens.weight", "lm_head.weight", "model.norm.weight"])
    assert.ok(!isQuantized(name), name);
});

test("every weight comes back as the definition says, experts stacked, loaded and staged alike", async () => {
  const loaded = randomModel(2);
  await loadWeights(loaded, source);
  const staged = randomModel(3);
  (await stageWeights(staged, source))();
  const given = await valuesOf(model);
  const again = await valuesOf(staged);
  let changed = 0;
  for (const [name, values] of await valuesOf(loaded)) {
    const before = given.get(name) ?? assert.fail(name);
    assert.deepEqual(again.get(name), values, name);
    if (name.includes("bias")) assert.deepEqual(values, before);
    else if (!isQuantized(name)) assert.deepEqual(values, before.map(toBf16), name);
    else {
      changed++;
      const { shape } = namedWeights(model.weights).find((weight) => weight.name === name)?.tensor ?? assert.fail();
      const columns = shape[shape.length - 1];
      const size = shape.length === 3 ? shape[1] * columns : before.length;
      for (let at = 0; at < before.length; at += size)
        assert.deepEqual(
          values.subarray(at, at + size),
          throughBlocks(before.subarray(at, at + size), columns),
          `${name} from ${at}`,
        );
    }
  }
  assert.equal(changed, 5 * 2 + 3 + 6);
});

test("shards: K2's names, an index, the same weights; a scale may lie in another shard than its weight", async () => {
  const directory = join(folder, "shards");
  const summary = await exportCheckpoint(source, directory, { dtype: "F8_E4M3", shardBytes: 40_000 });
  const shards = (await readdir(directory)).filter((name) => name.endsWith(".safetensors"));
  const count = shards.length;
  assert.ok(count > 10, `${count} shards`);
  assert.deepEqual(
    new Set(shards),
    new Set(Array.from({ length: count }, (_, i) => `model-${i + 1}-of-${count}.safetensors`)),
  );
  assert.ok(summary.files.includes("model.safetensors.index.json") && summary.files.includes("config.json"));
  const index = JSON.parse(await readFile(join(directory, "model.safetensors.index.json"), "utf8"));
  assert.equal(index.metadata.total_size, summary.bytesWritten);
  const map = index.weight_map as Record<string, string>;
  const apart = Object.keys(map).filter((name) => name.endsWith("_scale_inv") && map[name] !== map[name.slice(0, -10)]);
  assert.ok(apart.length > 0, "no scale lies apart from its weight: the test shows less than it should");
  const loaded = randomModel(2);
  await loadWeights(loaded, directory);
  const expected = randomModel(3);
  await loadWeights(expected, source);
  assert.deepEqual(await valuesOf(loaded), await valuesOf(expected));

  // DeepSeek's names, padded with zeros, are read as well: the index says what they are.
  const padded = (name: string) =>
    name.replace(/model-(\d+)-of-(\d+)/, (_, i, n) => `model-${i.padStart(5, "0")}-of-${n.padStart(6, "0")}`);
  for (const name of shards) await rename(join(directory, name), join(directory, padded(name)));
  const renamed = Object.fromEntries(Object.entries(map).map(([name, shard]) => [name, padded(shard)]));
  await writeFile(join(directory, "model.safetensors.index.json"), JSON.stringify({ weight_map: renamed }));
  const deepseek = randomModel(4);
  await loadWeights(deepseek, directory);
  assert.deepEqual(await valuesOf(deepseek), await valuesOf(expected));
});

test("shards hold what they may and no more, nothing is lost or reordered", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(100), { maxLength: 30 }), fc.integer({ min: 1, max: 150 }), (sizes, shardBytes) => {
      const tensors = sizes.map((size, i) => ({
        name: String(i),
        dtype: "F8_E4M3" as const,
        shape: [size],
        pieces: async function* () {},
      }));
      const shards = planShards(tensors, shardBytes);
      assert.deepEqual(shards.flat(), tensors);
      const bytes = (shard: readonly { shape: number[] }[]) => shard.reduce((sum, { shape }) => sum + shape[0], 0);
      for (const [i, shard] of shards.entries()) {
        assert.ok(bytes(shard) <= shardBytes || shard.filter(({ shape }) => shape[0] > 0).length === 1);
        if (i > 0) assert.ok(bytes(shards[i - 1]) + shard[0].shape[0] > shardBytes, "a shard began too early");
      }
    }),
    { seed: 3 },
  );
});

test("exports: nothing changes where nothing should, and f32 → fp8 is what saving as fp8 gives", async () => {
  const to = async (name: string, from: string, dtype: "F32" | "BF16" | "F8_E4M3", shardBytes?: number) => {
    const directory = join(folder, name);
    await exportCheckpoint(from, directory, { dtype, ...(shardBytes ? { shardBytes } : {}) });
    return directory;
  };
  const same = async (a: string, b: string) =>
    withFile(a, (left) =>
      withFile(b, async (right) => {
        assert.deepEqual([...left.names].sort(), [...right.names].sort());
        for (const name of left.names) {
          assert.deepEqual(left.info(name), right.info(name), name);
          assert.deepEqual(await left.read(name), await right.read(name), name);
        }
      }),
    );
  const exact = join(folder, "exact");
  await saveWeights(model, exact, "F32", { note: "made by a test" });
  await same(await to("f32-fp8", exact, "F8_E4M3"), source);
  const whole = await to("fp8-fp8", await to("fp8-small", source, "F8_E4M3", 30_000), "F8_E4M3");
  await same(whole, source);
  const plain = await to("fp8-f32", source, "F32");
  const [a, b] = [randomModel(2), randomModel(3)];
  await loadWeights(a, source);
  await loadWeights(b, plain);
  assert.deepEqual(await valuesOf(a), await valuesOf(b));
  const half = await to("fp8-bf16", source, "BF16");
  await withFile(half, async (file) => {
    for (const name of file.names)
      assert.equal(file.info(name).dtype, name.includes("e_score_correction_bias") ? "F32" : "BF16", name);
  });
  const fields = JSON.parse(await readFile(join(half, "config.json"), "utf8"));
  assert.ok(!("quantization_config" in fields));
  assert.equal(fields.torch_dtype, "bfloat16");
  assert.equal(JSON.parse(await readFile(join(plain, "config.json"), "utf8")).torch_dtype, "float32");
  const again = await to("bf16-bf16", half, "BF16");
  assert.deepEqual(await readFile(join(again, "model.safetensors")), await readFile(join(half, "model.safetensors")));
});

test("every tensor begins at a multiple of its element's size, which PyTorch needs", async () => {
  const bytes = await readFile(join(source, "model.safetensors"));
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString()) as Record<
    string,
    { dtype: string; data_offsets: [number, number] }
  >;
  assert.equal(length % 8, 0);
  const size: Record<string, number> = { F32: 4, BF16: 2, F8_E4M3: 1 };
  for (const [name, entry] of Object.entries(header))
    if (name !== "__metadata__") assert.equal(entry.data_offsets[0] % size[entry.dtype], 0, name);
});

test("a checkpoint in fp8 opens, and its logits are those of its dequantized weights", async () => {
  const directory = join(folder, "open");
  await cp(source, directory, { recursive: true });
  await saveTokenizer(new Tokenizer(Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte))), directory);
  const plain = join(folder, "open-f32");
  await exportCheckpoint(directory, plain, { dtype: "F32" });
  const logits = async (path: string) => {
    const opened = await openCheckpoint(path, { device: "wasm", threads: 1 });
    const ints = (values: number[], shape: number[]) => tensor(opened.device, Int32Array.from(values), shape, "i32");
    const result = await scope(opened.device, () =>
      forwardLogits(opened.model, {
        tokens: ints([5, 6, 7, 8], [1, 4]),
        positions: ints([0, 1, 2, 3], [4]),
        documents: ints([0, 0, 0, 0], [1, 4]),
      }),
    ).read();
    await opened.device.close();
    return result;
  };
  const found = await logits(directory);
  assert.deepEqual(found, await logits(plain));
  assert.ok(found.every(Number.isFinite) && found.some((value) => value !== found[0]));
});

/** A copy of the fp8 checkpoint whose tensors went through `change`; null leaves one out. */
async function tampered(
  name: string,
  change: (tensor: { name: string; dtype: string; shape: number[]; bytes: Uint8Array }) => {
    dtype?: string;
    shape?: number[];
    bytes?: Uint8Array;
  } | null,
): Promise<string> {
  const directory = join(folder, name);
  await cp(source, directory, { recursive: true });
  await withFile(source, async (file) => {
    const list = [];
    for (const tensorName of file.names) {
      const { dtype, shape } = file.info(tensorName);
      const bytes = await file.read(tensorName);
      const changed = change({ name: tensorName, dtype, shape: [...shape], bytes });
      if (changed === null) continue;
      list.push({
        name: tensorName,
        dtype: (changed.dtype ?? dtype) as "F32",
        shape: changed.shape ?? shape,
        async *pieces() {
          yield changed.bytes ?? bytes;
        },
      });
    }
    await writeSafetensors(join(directory, "model.safetensors"), list);
  });
  return directory;
}

const weight = "model.layers.1.mlp.experts.2.down_proj.weight";
const scale = `${weight}_scale_inv`;

test("missing and wrong scales are refused before anything is read, naming file, tensor, expected and found", async () => {
  const load = (path: string) => loadWeights(randomModel(2), path);
  const needs = `model.safetensors: ${weight} F8_E4M3 [160, 130] in blocks of 128 × 128 needs ${scale} F32 [2, 2], found`;
  const missing = await tampered("no-scale", ({ name }) => (name === scale ? null : {}));
  await assert.rejects(load(missing), (error: Error) => error.message === `${join(missing, needs)} no such tensor`);
  const shape = await tampered("scale-shape", ({ name, bytes }) =>
    name === scale ? { shape: [1, 2], bytes: bytes.subarray(0, 8) } : {},
  );
  await assert.rejects(load(shape), (error: Error) => error.message.startsWith(`${join(shape, needs)} F32 [1, 2] in `));
  const dtype = await tampered("scale-dtype", ({ name, bytes }) =>
    name === scale ? { dtype: "BF16", bytes: bytes.subarray(0, 8) } : {},
  );
  await assert.rejects(load(dtype), (error: Error) => error.message.includes(`${needs} BF16 [2, 2] in `));
  const vector = await tampered("vector", ({ name, bytes }) => (name === weight ? { shape: [bytes.length] } : {}));
  await assert.rejects(load(vector), /needs .* of a matrix, found 1 axes/);
});

test("a scale that is no scale is refused with its place", async () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, -1]) {
    const directory = await tampered(`scale-${value}`, ({ name, bytes }) => {
      if (name !== scale) return {};
      const changed = new Float32Array(bytes.slice().buffer);
      changed[3] = value;
      return { bytes: new Uint8Array(changed.buffer) };
    });
    await assert.rejects(loadWeights(randomModel(2), directory), (error: Error) =>
      error.message.endsWith(`${scale}[1, 1] is ${value}, expected a finite scale from 0`),
    );
  }
});

test("a missing weight and one of another shape are refused, and the model is as it was", async () => {
  const untouched = randomModel(2);
  const before = await valuesOf(untouched);
  const without = await tampered("no-weight", ({ name }) => (name.startsWith(weight) ? null : {}));
  await assert.rejects(loadWeights(untouched, without), (error: Error) =>
    error.message.startsWith(`${without}: the tensor ${weight} is missing, expected [160, 130]`),
  );
  const turned = await tampered("turned", ({ name }) => (name === weight ? { shape: [130, 160] } : {}));
  await assert.rejects(loadWeights(untouched, turned), (error: Error) =>
    error.message.endsWith(`${weight} has shape [130, 160], config.json asks for [160, 130]`),
  );
  assert.deepEqual(await valuesOf(untouched), before);
});

test("e4m3 weights without a quantization_config, or with one of another kind, are refused", async () => {
  const directory = join(folder, "no-quantization");
  await cp(source, directory, { recursive: true });
  const fields = JSON.parse(await readFile(join(directory, "config.json"), "utf8"));
  const write = (quantization: unknown) =>
    writeFile(join(directory, "config.json"), JSON.stringify({ ...fields, quantization_config: quantization }));
  await write(undefined);
  await assert.rejects(
    loadWeights(randomModel(2), directory),
    /config\.json: model\.\S+ is stored as F8_E4M3, but there is no quantization_config/,
  );
  await write({ ...fields.quantization_config, weight_block_size: [64, 128] });
  await assert.rejects(
    loadWeights(randomModel(2), directory),
    /quantization_config\.weight_block_size is \[64,128\], supported is \[128,128\]/,
  );
  await rm(join(directory, "config.json"));
  await assert.rejects(loadWeights(randomModel(2), directory), /config\.json cannot be read/);
});

test("quantization_config: K2's, DeepSeek-V3.1's, none, and what is refused", () => {
  const k2 = { activation_scheme: "dynamic", fmt: "e4m3", quant_method: "fp8", weight_block_size: [128, 128] };
  assert.equal(parseQuantization({ quantization_config: k2 }), true);
  assert.equal(parseQuantization({ quantization_config: { ...k2, scale_fmt: "ue8m0" } }), true);
  const { fmt: _, activation_scheme: __, ...short } = k2;
  assert.equal(parseQuantization({ quantization_config: short }), true);
  for (const none of [{}, { quantization_config: null }]) assert.equal(parseQuantization(none), false);
  const refused: [object, RegExp][] = [
    [{ quant_method: "gptq" }, /quant_method is "gptq", supported is "fp8"/],
    [{ fmt: "e5m2" }, /fmt is "e5m2"/],
    [{ activation_scheme: "static" }, /activation_scheme is "static"/],
    [{ weight_block_size: null }, /weight_block_size is undefined|weight_block_size is null/],
    [{ weight_block_size: [128] }, /weight_block_size is \[128\]/],
  ];
  for (const [change, message] of refused)
    assert.throws(() => parseQuantization({ quantization_config: { ...k2, ...change } }, "here/config.json"), message);
});

test("shards that are missing, short or of another checkpoint are named with what was expected", async () => {
  const load = (path: string) => loadWeights(randomModel(2), path);
  const make = async (name: string) => {
    const directory = join(folder, name);
    await exportCheckpoint(source, directory, { dtype: "F8_E4M3", shardBytes: 60_000 });
    const index = JSON.parse(await readFile(join(directory, "model.safetensors.index.json"), "utf8"));
    const shard = index.weight_map[weight] as string;
    return { directory, shard, path: join(directory, shard), map: index.weight_map as Record<string, string> };
  };
  const gone = await make("gone");
  await rm(gone.path);
  const first = Object.keys(gone.map).find((name) => gone.map[name] === gone.shard);
  await assert.rejects(load(gone.directory), (error: Error) => {
    assert.ok(error.message.startsWith(`${gone.path} cannot be opened: ENOENT`), error.message);
    assert.match(error.message, new RegExp(`index\\.json expects ${first}( and \\d+ others)? in it`));
    return true;
  });
  const cut = await make("cut");
  const handle = await open(cut.path);
  const { size } = await handle.stat();
  await handle.close();
  await truncate(cut.path, size - 1);
  await assert.rejects(load(cut.directory), (error: Error) => {
    assert.ok(error.message.startsWith(`${cut.path} is damaged: `), error.message);
    assert.match(error.message, /\S+ ends at byte \d+ of the data, the file has \d+: it was cut off/);
    return true;
  });
  const swapped = await make("swapped");
  const other = Object.values(swapped.map).find((shard) => shard !== swapped.shard) ?? assert.fail();
  await cp(join(swapped.directory, other), swapped.path);
  await assert.rejects(load(swapped.directory), (error: Error) => {
    assert.ok(error.message.startsWith(`${swapped.path} is damaged: `), error.message);
    assert.match(error.message, /says that it holds \S+, it does not: its header names \d+ tensors/);
    return true;
  });
});

test("an export that fails, or is stopped, leaves nothing; one into a full directory does not begin", async () => {
  const beside = async () => (await readdir(folder)).filter((name) => name.startsWith("never"));
  const target = join(folder, "never");
  const broken = await tampered("broken", ({ name, bytes }) => {
    if (name !== scale) return {};
    return { bytes: new Uint8Array(bytes.length).fill(0xff) };
  });
  await assert.rejects(exportCheckpoint(broken, target, { dtype: "BF16" }), /is NaN, expected a finite scale/);
  assert.deepEqual(await beside(), []);
  const infinite = join(folder, "infinite");
  const exploded = randomModel(1);
  exploded.weights.layers[0].attention.o.write(new Float32Array(160 * 140).fill(Number.POSITIVE_INFINITY, 140 * 130));
  await saveWeights(exploded, infinite, "F32");
  await assert.rejects(
    exportCheckpoint(infinite, target, { dtype: "F8_E4M3" }),
    /model\.layers\.0\.self_attn\.o_proj\.weight, from row 128 on: \[2, 0\] is Infinity, a block's scale needs finite/,
  );
  assert.deepEqual(await beside(), []);
  const stop = new AbortController();
  let told = 0;
  const onProgress = () => {
    if (++told === 5) stop.abort(new Error("stopped by the test"));
  };
  const stopped = exportCheckpoint(source, target, { dtype: "BF16", signal: stop.signal, onProgress });
  await assert.rejects(stopped, /stopped by the test/);
  assert.deepEqual(await beside(), []);
  await assert.rejects(exportCheckpoint(source, source, { dtype: "BF16" }), /is not empty: name a new directory/);
});

test("saving over a sharded checkpoint leaves no second set of weights", async () => {
  const directory = join(folder, "replaced");
  await exportCheckpoint(source, directory, { dtype: "F8_E4M3", shardBytes: 60_000 });
  await saveWeights(randomModel(5), directory, "F32");
  const left = (await readdir(directory)).filter((name) => name.includes("safetensors"));
  assert.deepEqual(left, ["model.safetensors"]);
  const loaded = randomModel(2);
  await loadWeights(loaded, directory);
  assert.deepEqual(await valuesOf(loaded), await valuesOf(randomModel(5)));
});
