/** config.json of published models, and of models that are none. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  countParameters,
  createModel,
  namedWeights,
  parseConfig,
  preset,
  presets,
  qkHeadDim,
  readConfig,
  softmaxScale,
  toHuggingFace,
} from "@baltoro/k2";
import { createDevice, openReferenceBackend } from "@baltoro/tensor";

const fixtures = join(import.meta.dirname, "../fixtures/configs");
const published = (name: string) =>
  JSON.parse(readFileSync(join(fixtures, `${name}.json`), "utf8")) as Record<string, unknown>;
const names = ["kimi-k2-instruct", "moonlight-16b-a3b"];

/** Shapes of the tensors of Kimi K2's published checkpoint; `blocks`: stored as FP8, with a scale per 128 × 128. */
function* kimiTensors(): Generator<{ shape: readonly number[]; blocks: boolean }> {
  const plain = (...shape: number[]) => ({ shape, blocks: false });
  const fp8 = (...shape: number[]) => ({ shape, blocks: true });
  yield plain(163840, 7168);
  yield plain(163840, 7168);
  yield plain(7168);
  for (let layer = 0; layer < 61; layer++) {
    yield* [plain(7168), plain(7168), plain(1536), plain(512)];
    yield* [fp8(1536, 7168), fp8(12288, 1536), fp8(576, 7168), fp8(16384, 512), fp8(7168, 8192)];
    if (layer === 0) yield* [fp8(18432, 7168), fp8(18432, 7168), fp8(7168, 18432)];
    else {
      yield* [plain(384, 7168), plain(384)];
      for (let expert = 0; expert < 384 + 1; expert++) yield* [fp8(2048, 7168), fp8(2048, 7168), fp8(7168, 2048)];
    }
  }
}

test("Kimi K2: every field, and every parameter of the published checkpoint", () => {
  const config = parseConfig(published("kimi-k2-instruct"));
  assert.deepEqual(config, {
    modelType: "kimi_k2",
    vocabSize: 163840,
    hiddenSize: 7168,
    numHiddenLayers: 61,
    firstKDenseReplace: 1,
    intermediateSize: 18432,
    moeIntermediateSize: 2048,
    nRoutedExperts: 384,
    nSharedExperts: 1,
    numExpertsPerTok: 8,
    normTopkProb: true,
    routedScalingFactor: 2.827,
    numAttentionHeads: 64,
    qLoraRank: 1536,
    kvLoraRank: 512,
    qkNopeHeadDim: 128,
    qkRopeHeadDim: 64,
    vHeadDim: 128,
    ropeTheta: 50000,
    ropeScaling: {
      factor: 32,
      betaFast: 1,
      betaSlow: 1,
      mscale: 1,
      mscaleAllDim: 1,
      originalMaxPositionEmbeddings: 4096,
    },
    maxPositionEmbeddings: 131072,
    rmsNormEps: 1e-6,
    initializerRange: 0.02,
    bosTokenId: 163584,
    eosTokenId: 163585,
    tieWordEmbeddings: false,
  });
  let [parameters, scales, tensors] = [0, 0, 0];
  for (const { shape, blocks } of kimiTensors()) {
    parameters += shape.reduce((product, axis) => product * axis, 1);
    tensors++;
    if (!blocks) continue;
    scales += Math.ceil(shape[0] / 128) * Math.ceil(shape[1] / 128);
    tensors++;
  }
  const { total, active } = countParameters(config);
  assert.equal(total, parameters);
  // Each layer also stores 56 numbers that nothing reads. The published index names so many tensors and elements:
  assert.equal(tensors + 61, 139_644);
  assert.equal(parameters + scales + 61 * 56, 1_026_470_731_056);
  // "32.6 billion activated" lies between the count without and with the input embedding.
  assert.ok(active < 32.6e9 && active + 163840 * 7168 > 32.6e9, `${active}`);
  assert.ok(Math.abs(softmaxScale(config) - 0.13086) < 1e-5);
  assert.equal(qkHeadDim(config), 192);
});

test("Moonlight-16B-A3B: no low-rank queries, no YaRN, two shared experts", () => {
  const config = parseConfig(published("moonlight-16b-a3b"));
  assert.equal(config.qLoraRank, null);
  assert.equal(config.ropeScaling, null);
  assert.equal(config.nSharedExperts, 2);
  assert.equal(config.routedScalingFactor, 2.446);
  assert.equal(config.rmsNormEps, 1e-5);
  assert.equal(softmaxScale(config), 192 ** -0.5);
  const { total, active } = countParameters(config);
  assert.ok(Math.abs(total - 15.96e9) < 0.005e9, `${total}`);
  // "2.24 billion activated" counts neither embedding nor head, "3B" counts both.
  const embedding = 163840 * 2048;
  assert.ok(
    Math.abs(active - embedding - 2.24e9) < 0.01e9 && Math.round((active + embedding) / 1e9) === 3,
    `${active}`,
  );
});

test("parsing and writing are each other's inverse", () => {
  const given = [...names.map((name) => parseConfig(published(name))), ...Object.values(presets)];
  for (const config of given) assert.deepEqual(parseConfig(JSON.parse(JSON.stringify(toHuggingFace(config)))), config);
  for (const name of names) {
    const fields = published(name);
    for (const [key, value] of Object.entries(toHuggingFace(parseConfig(fields)))) {
      if (key in fields) assert.deepEqual(value, fields[key], `${name}: ${key}`);
    }
  }
});

test("rope_parameters of newer transformers say the same as rope_scaling and rope_theta", () => {
  const { rope_scaling, rope_theta, ...rest } = published("kimi-k2-instruct");
  const { type, ...scaling } = rope_scaling as Record<string, unknown>;
  const newer = { ...rest, rope_parameters: { rope_type: type, rope_theta, ...scaling } };
  assert.deepEqual(parseConfig(newer), parseConfig(published("kimi-k2-instruct")));
  const plain = parseConfig({ ...rest, rope_parameters: { rope_type: "default", rope_theta: 1234 } });
  assert.equal(plain.ropeTheta, 1234);
  assert.equal(plain.ropeScaling, null);
});

test("what is missing, of a wrong type, unsupported or contradictory is named", () => {
  const required = [
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "kv_lora_rank",
    "qk_nope_head_dim",
    "qk_rope_head_dim",
    "v_head_dim",
    "max_position_embeddings",
  ];
  const base = published("kimi-k2-instruct");
  for (const name of required) {
    const { [name]: _, ...without } = base;
    assert.throws(() => parseConfig(without, "somewhere.json"), new RegExp(`^Error: somewhere\\.json: ${name} is`));
    for (const value of ["many", true, 2.5, -1, 0, Number.NaN, [1]]) {
      assert.throws(() => parseConfig({ ...base, [name]: value }), new RegExp(`: ${name} is`), `${name} = ${value}`);
    }
  }
  const yarn = base["rope_scaling"] as Record<string, unknown>;
  const wrong: readonly (readonly [Record<string, unknown>, RegExp])[] = [
    [{ n_group: 8 }, /n_group is 8, supported is 1/],
    [{ scoring_func: "softmax" }, /scoring_func is "softmax", supported is "sigmoid"/],
    [{ topk_method: "greedy" }, /topk_method is "greedy", supported is "noaux_tc"/],
    [{ hidden_act: "gelu" }, /hidden_act is "gelu"/],
    [{ attention_bias: true }, /attention_bias is true/],
    [{ moe_layer_freq: 2 }, /moe_layer_freq is 2/],
    [{ rope_interleave: false }, /rope_interleave is false/],
    [{ tie_word_embeddings: true }, /tie_word_embeddings is true/],
    [{ num_key_value_heads: 8 }, /num_key_value_heads is 8, supported is 64/],
    [{ qk_rope_head_dim: 63 }, /qk_rope_head_dim is 63, expected an even number/],
    [{ num_experts_per_tok: 385 }, /num_experts_per_tok is 385 of 384 routed experts/],
    [{ num_experts_per_tok: 0 }, /num_experts_per_tok is 0 of 384/],
    [{ n_routed_experts: 0 }, /num_experts_per_tok is 8 of 0/],
    [{ moe_intermediate_size: 0 }, /moe_intermediate_size is 0/],
    [{ q_lora_rank: 0 }, /q_lora_rank is 0/],
    [{ rope_theta: "big" }, /rope_theta is "big"/],
    [{ rope_scaling: { ...yarn, type: "linear" } }, /rope_scaling type is "linear", supported is "yarn"/],
    [{ rope_scaling: { ...yarn, factor: undefined } }, /rope_scaling\.factor is undefined/],
    [{ rope_scaling: { ...yarn, beta_fast: "1" } }, /rope_scaling\.beta_fast is "1"/],
    [
      { rope_scaling: { ...yarn, original_max_position_embeddings: null } },
      /rope_scaling\.original_max_position_embeddings/,
    ],
  ];
  for (const [change, message] of wrong) assert.throws(() => parseConfig({ ...base, ...change }), message);
  for (const value of [null, undefined, 5, "text", []])
    assert.throws(() => parseConfig(value), /config\.json: expected an object/);
});

test("a dense model needs no experts", () => {
  const { n_routed_experts, num_experts_per_tok, moe_intermediate_size, n_shared_experts, ...dense } =
    published("moonlight-16b-a3b");
  const config = parseConfig({ ...dense, first_k_dense_replace: 27 });
  const { total, active } = countParameters(config);
  assert.equal(total - active, 163840 * 2048);
});

test("config.json is read from a checkpoint directory, and trouble with it is told with its path", async () => {
  const directory = await mkdtemp(join(tmpdir(), "baltoro-config-"));
  try {
    await assert.rejects(readConfig(directory), /config\.json cannot be read: is .* a checkpoint directory\?/);
    await writeFile(join(directory, "config.json"), "{ not json");
    await assert.rejects(readConfig(directory), /config\.json is no JSON/);
    await writeFile(join(directory, "config.json"), JSON.stringify(published("moonlight-16b-a3b")));
    assert.equal((await readConfig(directory)).hiddenSize, 2048);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test("the parameters that are counted are those that a model has", () => {
  const device = createDevice(openReferenceBackend());
  const tiny = presets["k2-tiny"];
  for (const config of [tiny, { ...tiny, qLoraRank: null }, { ...tiny, nSharedExperts: 2 }, preset("k2-nano")]) {
    using model = createModel(device, config);
    const elements = namedWeights(model.weights).reduce((sum, { tensor }) => sum + tensor.size, 0);
    assert.equal(countParameters(config).total, elements);
  }
});

test("k2-nano has the shapes of the peer's preset", () => {
  const peer = readFileSync(join(import.meta.dirname, "../../../bench/peers/torch_k2.py"), "utf8");
  const line = /"nano": dict\((.*)\)/.exec(peer)?.[1];
  assert.ok(line, "bench/peers/torch_k2.py has no preset nano");
  const fields = Object.fromEntries(line.split(", ").map((pair) => pair.split("=")));
  const config = preset("k2-nano");
  const ours = {
    dim: config.hiddenSize,
    layers: config.numHiddenLayers,
    dense: config.firstKDenseReplace,
    heads: config.numAttentionHeads,
    q_lora: config.qLoraRank,
    kv_lora: config.kvLoraRank,
    nope: config.qkNopeHeadDim,
    rope: config.qkRopeHeadDim,
    v: config.vHeadDim,
    ffn: config.intermediateSize,
    experts: config.nRoutedExperts,
    topk: config.numExpertsPerTok,
    moe: config.moeIntermediateSize,
    shared: config.nSharedExperts,
    vocab: config.vocabSize,
    seq: config.maxPositionEmbeddings,
  };
  for (const [key, value] of Object.entries(ours)) assert.equal(value, Number(fields[key]), key);
  assert.deepEqual(
    Object.keys(fields).filter((key) => !(key in ours)),
    ["batch"],
  );
});

test("an unknown preset is answered with those that there are", () => {
  assert.throws(() => preset("k3"), /unknown preset k3: there are k2-tiny, k2-nano, k2-mini/);
  assert.throws(() => preset("toString"), /unknown preset/);
});
