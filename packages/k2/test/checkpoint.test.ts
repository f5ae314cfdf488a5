/** Checkpoints: what is written comes back, under the names that transformers knows. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  forwardLogits,
  type K2Config,
  type K2Model,
  latentCacheBytes,
  loadWeights,
  openCheckpoint,
  preset,
  readConfig,
  saveTokenizer,
  saveWeights,
  stageWeights,
  Tokenizer,
} from "@baltoro/k2";
import { createDevice, openReferenceBackend, openSafetensors, scope, tensor, writeSafetensors } from "@baltoro/tensor";
import { drawModel, valuesOf } from "./random-model.ts";

const device = createDevice(openReferenceBackend());
const folder = await mkdtemp(join(tmpdir(), "baltoro-checkpoint-"));
after(() => rm(folder, { recursive: true }));

const config: K2Config = { ...preset("k2-tiny"), numHiddenLayers: 3, nSharedExperts: 2 };

const randomModel = (seed: number, given = config) => drawModel(device, given, seed);

/** Nearest bf16, ties to even. */
function toBf16(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  bits[0] = (bits[0] + 0x7fff + ((bits[0] >>> 16) & 1)) & 0xffff0000;
  return new Float32Array(bits.buffer)[0];
}

test("f32 weights come back bit for bit, bf16 ones rounded to nearest; the router's bias stays f32", async () => {
  const model = randomModel(1);
  const before = await valuesOf(model);
  for (const dtype of ["F32", "BF16"] as const) {
    const directory = join(folder, dtype);
    await saveWeights(model, directory, dtype, { note: "made by a test" });
    assert.deepEqual(await readConfig(directory), config);
    const again = randomModel(2, await readConfig(directory));
    await loadWeights(again, directory);
    for (const [name, values] of await valuesOf(again)) {
      const given = before.get(name) ?? assert.fail(name);
      const exact = dtype === "F32" || name.includes("bias");
      assert.deepEqual(values, exact ? given : given.map(toBf16), name);
    }
    const file = await openSafetensors(directory);
    for (const name of file.names)
      assert.equal(file.info(name).dtype, name.includes("e_score_correction_bias") ? "F32" : dtype, name);
    await file.close();
    await rm(directory, { recursive: true });
  }
});

test("names and shapes are those of DeepSeek-V3 on Hugging Face", async () => {
  const { hiddenSize: d, vocabSize, numAttentionHeads: heads, kvLoraRank, moeIntermediateSize: inner } = config;
  const [q, v] = [config.qkNopeHeadDim + config.qkRopeHeadDim, config.vHeadDim];
  for (const qLoraRank of [16, null]) {
    const directory = join(folder, `names-${qLoraRank}`);
    await saveWeights(randomModel(1, { ...config, qLoraRank }), directory, "BF16");
    const expected = new Map<string, number[]>();
    const feedForward = (prefix: string, width: number) => {
      expected.set(`${prefix}.gate_proj.weight`, [width, d]);
      expected.set(`${prefix}.up_proj.weight`, [width, d]);
      expected.set(`${prefix}.down_proj.weight`, [d, width]);
    };
    expected.set("model.embed_tokens.weight", [vocabSize, d]);
    expected.set("model.norm.weight", [d]);
    expected.set("lm_head.weight", [vocabSize, d]);
    for (let i = 0; i < 3; i++) {
      const layer = `model.layers.${i}`;
      expected.set(`${layer}.input_layernorm.weight`, [d]);
      expected.set(`${layer}.post_attention_layernorm.weight`, [d]);
      if (qLoraRank === null) expected.set(`${layer}.self_attn.q_proj.weight`, [heads * q, d]);
      else {
        expected.set(`${layer}.self_attn.q_a_proj.weight`, [qLoraRank, d]);
        expected.set(`${layer}.self_attn.q_a_layernorm.weight`, [qLoraRank]);
        expected.set(`${layer}.self_attn.q_b_proj.weight`, [heads * q, qLoraRank]);
      }
      expected.set(`${layer}.self_attn.kv_a_proj_with_mqa.weight`, [kvLoraRank + config.qkRopeHeadDim, d]);
      expected.set(`${layer}.self_attn.kv_a_layernorm.weight`, [kvLoraRank]);
      expected.set(`${layer}.self_attn.kv_b_proj.weight`, [heads * (config.qkNopeHeadDim + v), kvLoraRank]);
      expected.set(`${layer}.self_attn.o_proj.weight`, [d, heads * v]);
      if (i === 0) feedForward(`${layer}.mlp`, config.intermediateSize);
      else {
        expected.set(`${layer}.mlp.gate.weight`, [4, d]);
        expected.set(`${layer}.mlp.gate.e_score_correction_bias`, [4]);
        for (let expert = 0; expert < 4; expert++) feedForward(`${layer}.mlp.experts.${expert}`, inner);
        feedForward(`${layer}.mlp.shared_experts`, 2 * inner);
      }
    }
    const file = await openSafetensors(directory);
    assert.deepEqual([...file.names].sort(), [...expected.keys()].sort());
    for (const [name, shape] of expected) assert.deepEqual([...file.info(name).shape], shape, name);
    await file.close();
    const fields = JSON.parse(await readFile(join(directory, "config.json"), "utf8"));
    assert.deepEqual(fields.architectures, ["DeepseekV3ForCausalLM"]);
  }
});

/** Writes a checkpoint whose tensors went through `change`; null leaves one out. */
async function tampered(name: string, change: (tensorName: string, shape: number[]) => number[] | null) {
  const source = join(folder, "source");
  const directory = join(folder, name);
  await saveWeights(randomModel(1), source, "F32");
  await saveWeights(randomModel(1), directory, "F32");
  const file = await openSafetensors(source);
  const tensors = [];
  for (const tensorName of file.names) {
    const shape = change(tensorName, [...file.info(tensorName).shape]);
    if (!shape) continue;
    const size = shape.reduce((product, axis) => product * axis, 1);
    const values = await file.readFloat32(tensorName);
    tensors.push({
      name: tensorName,
      dtype: "F32" as const,
      shape,
      values: async () => Float32Array.from({ length: size }, (_, i) => values[i % values.length]),
    });
  }
  await writeSafetensors(join(directory, "model.safetensors"), tensors);
  await file.close();
  return directory;
}

test("a missing tensor and a wrong shape are named, with the path", async () => {
  const missing = "model.layers.1.mlp.experts.2.up_proj.weight";
  const without = await tampered("missing", (name, shape) => (name === missing ? null : shape));
  await assert.rejects(loadWeights(randomModel(2), without), (error: Error) =>
    error.message.includes(`${without}: the tensor ${missing} is missing`),
  );
  const wrong = "model.layers.2.self_attn.o_proj.weight";
  const reshaped = await tampered("wrong", (name, shape) => (name === wrong ? [shape[1], shape[0]] : shape));
  await assert.rejects(
    loadWeights(randomModel(2), reshaped),
    (error: Error) => error.message === `${reshaped}: ${wrong} has shape [16, 32], config.json asks for [32, 16]`,
  );
});

test("a checkpoint without selection biases has none: they are zero", async () => {
  const directory = await tampered("biasless", (name, shape) => (name.includes("bias") ? null : shape));
  const model = randomModel(2);
  await loadWeights(model, directory);
  for (const { moe } of model.weights.layers)
    if (moe) assert.deepEqual(Array.from(await moe.bias.read()), [0, 0, 0, 0]);
});

test("staged weights change a model only when they are applied, and not at all if one is missing", async () => {
  const directory = join(folder, "staged");
  const source = randomModel(3);
  await saveWeights(source, directory, "F32");
  const model = randomModel(4);
  const before = await valuesOf(model);
  const apply = await stageWeights(model, directory);
  assert.deepEqual(await valuesOf(model), before);
  apply();
  assert.deepEqual(await valuesOf(model), await valuesOf(source));
  const broken = await tampered("half", (name, shape) => (name === "lm_head.weight" ? null : shape));
  const untouched = await valuesOf(model);
  await assert.rejects(stageWeights(model, broken), /lm_head\.weight is missing/);
  assert.deepEqual(await valuesOf(model), untouched);
});

test("a checkpoint directory opens with its tokenizer, and one that does not fit is refused", async () => {
  const directory = join(folder, "open");
  const model = randomModel(5);
  await saveWeights(model, directory, "F32");
  const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
  await saveTokenizer(new Tokenizer([...bytes, "ab"]), directory);
  await assert.rejects(
    openCheckpoint(directory, { device: "reference" }),
    /tokenizer has 513 ids, the model 512; they do not belong together/,
  );
  await saveTokenizer(new Tokenizer(bytes), directory);
  const opened = await openCheckpoint(directory, { device: "reference" });
  const logits = async (given: K2Model) => {
    const ints = (values: number[], shape: number[]) => tensor(given.device, Int32Array.from(values), shape, "i32");
    return scope(given.device, () =>
      forwardLogits(given, {
        tokens: ints([5, 6, 7, 8], [1, 4]),
        positions: ints([0, 1, 2, 3], [4]),
        documents: ints([0, 0, 0, 0], [1, 4]),
      }),
    ).read();
  };
  assert.deepEqual(await logits(opened.model), await logits(model));
  await opened.device.close();
  await writeFile(join(directory, "model.safetensors"), "damaged");
  await assert.rejects(openCheckpoint(directory, { device: "reference" }), /model\.safetensors/);
});

test("latent cache: kvLoraRank + rope numbers per token and layer", () => {
  assert.equal(latentCacheBytes(config), 4 * 3 * (16 + 8));
});
