import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseYarn, type YarnConfig, yarnMscale } from "./yarn.ts";

/** Architecture of a K2 / DeepSeek-V3 model, as its config.json says (K2 report, Table 2). */
export interface K2Config {
  readonly modelType: string;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly numHiddenLayers: number;
  /** Layers 0 … n − 1 are dense, the others have experts. */
  readonly firstKDenseReplace: number;
  /** Inner width of dense layers. */
  readonly intermediateSize: number;
  /** Inner width of one expert. */
  readonly moeIntermediateSize: number;
  readonly nRoutedExperts: number;
  readonly nSharedExperts: number;
  readonly numExpertsPerTok: number;
  readonly normTopkProb: boolean;
  readonly routedScalingFactor: number;
  readonly numAttentionHeads: number;
  /** Rank of the query's low-rank projection; null: queries are projected directly. */
  readonly qLoraRank: number | null;
  readonly kvLoraRank: number;
  readonly qkNopeHeadDim: number;
  readonly qkRopeHeadDim: number;
  readonly vHeadDim: number;
  readonly ropeTheta: number;
  readonly ropeScaling: YarnConfig | null;
  readonly maxPositionEmbeddings: number;
  readonly rmsNormEps: number;
  readonly initializerRange: number;
  readonly bosTokenId: number;
  readonly eosTokenId: number;
  readonly tieWordEmbeddings: boolean;
}

type Json = Readonly<Record<string, unknown>>;

/**
 * Reads a config.json of K2, Moonlight or DeepSeek-V3.
 *
 * @throws where a field is missing, of a wrong type, or asks for what is not supported, naming field and value.
 */
export function parseConfig(json: unknown, source = "config.json"): K2Config {
  if (json === null || typeof json !== "object" || Array.isArray(json))
    throw new Error(`${source}: expected an object of fields`);
  const fields = json as Json;
  const field = (name: string, fallback?: number): number => {
    const value = fields[name] ?? fallback;
    if (typeof value !== "number" || !Number.isFinite(value))
      throw new Error(`${source}: ${name} is ${JSON.stringify(value)}, expected a number`);
    return value;
  };
  const count = (name: string, fallback?: number): number => {
    const value = field(name, fallback);
    if (!Number.isInteger(value) || value < 0)
      throw new Error(`${source}: ${name} is ${value}, expected a whole number from 0`);
    return value;
  };
  const size = (name: string): number => {
    const value = count(name);
    if (value === 0) throw new Error(`${source}: ${name} is 0, expected at least 1`);
    return value;
  };
  const unsupported = (name: string, supported: string): never => {
    throw new Error(`${source}: ${name} is ${JSON.stringify(fields[name])}, supported is ${supported}`);
  };
  if ((fields["n_group"] ?? 1) !== 1) unsupported("n_group", "1 (no expert groups), as in K2");
  if ((fields["scoring_func"] ?? "sigmoid") !== "sigmoid") unsupported("scoring_func", '"sigmoid"');
  if ((fields["topk_method"] ?? "noaux_tc") !== "noaux_tc") unsupported("topk_method", '"noaux_tc"');
  if (fields["attention_bias"] === true) unsupported("attention_bias", "false");
  if ((fields["hidden_act"] ?? "silu") !== "silu") unsupported("hidden_act", '"silu"');
  if ((fields["moe_layer_freq"] ?? 1) !== 1) unsupported("moe_layer_freq", "1");
  if (fields["rope_interleave"] === false) unsupported("rope_interleave", "true (interleaved pairs)");
  if (fields["tie_word_embeddings"] === true) unsupported("tie_word_embeddings", "false");
  const numHiddenLayers = size("num_hidden_layers");
  const numAttentionHeads = size("num_attention_heads");
  if ((fields["num_key_value_heads"] ?? numAttentionHeads) !== numAttentionHeads)
    unsupported("num_key_value_heads", `${numAttentionHeads}, the number of attention heads`);
  const rope = ropeFields(fields);
  const config: K2Config = {
    modelType: typeof fields["model_type"] === "string" ? fields["model_type"] : "deepseek_v3",
    vocabSize: size("vocab_size"),
    hiddenSize: size("hidden_size"),
    numHiddenLayers,
    firstKDenseReplace: count("first_k_dense_replace", 0),
    intermediateSize: size("intermediate_size"),
    moeIntermediateSize: count("moe_intermediate_size", 0),
    nRoutedExperts: count("n_routed_experts", 0),
    nSharedExperts: count("n_shared_experts", 0),
    numExpertsPerTok: count("num_experts_per_tok", 0),
    normTopkProb: fields["norm_topk_prob"] !== false,
    routedScalingFactor: field("routed_scaling_factor", 1),
    numAttentionHeads,
    qLoraRank: (fields["q_lora_rank"] ?? null) === null ? null : size("q_lora_rank"),
    kvLoraRank: size("kv_lora_rank"),
    qkNopeHeadDim: size("qk_nope_head_dim"),
    qkRopeHeadDim: size("qk_rope_head_dim"),
    vHeadDim: size("v_head_dim"),
    ropeTheta: typeof rope["rope_theta"] === "number" ? rope["rope_theta"] : field("rope_theta", 10000),
    ropeScaling: parseYarn(rope, source),
    maxPositionEmbeddings: size("max_position_embeddings"),
    rmsNormEps: field("rms_norm_eps", 1e-6),
    initializerRange: field("initializer_range", 0.02),
    bosTokenId: count("bos_token_id", 0),
    eosTokenId: count("eos_token_id", 1),
    tieWordEmbeddings: false,
  };
  checkConfig(config, source);
  return config;
}

/** transformers 4 has rope_theta and rope_scaling, transformers 5 puts both into rope_parameters. */
function ropeFields(fields: Json): Json {
  const inner = fields["rope_scaling"] ?? fields["rope_parameters"];
  return inner !== null && typeof inner === "object" ? (inner as Json) : {};
}

function checkConfig(config: K2Config, source: string): void {
  const { numExpertsPerTok, nRoutedExperts, qkRopeHeadDim, firstKDenseReplace, numHiddenLayers } = config;
  if (qkRopeHeadDim % 2 !== 0)
    throw new Error(`${source}: qk_rope_head_dim is ${qkRopeHeadDim}, expected an even number`);
  if (firstKDenseReplace >= numHiddenLayers) return;
  if (numExpertsPerTok < 1 || numExpertsPerTok > nRoutedExperts)
    throw new Error(`${source}: num_experts_per_tok is ${numExpertsPerTok} of ${nRoutedExperts} routed experts`);
  if (config.moeIntermediateSize === 0)
    throw new Error(`${source}: moe_intermediate_size is 0, expected at least 1 in a model with experts`);
}

/** Reads config.json of a checkpoint directory. */
export async function readConfig(directory: string): Promise<K2Config> {
  const { json, path } = await readConfigJson(directory);
  return parseConfig(json, path);
}

/** The fields of a checkpoint directory's config.json as they are, with its path. */
export async function readConfigJson(directory: string): Promise<{ json: unknown; path: string }> {
  const path = join(directory, "config.json");
  const text = await readFile(path, "utf8").catch(() => {
    throw new Error(`${path} cannot be read: is ${directory} a checkpoint directory?`);
  });
  try {
    return { json: JSON.parse(text), path };
  } catch (error) {
    throw new Error(`${path} is no JSON: ${(error as Error).message}`);
  }
}

/** The config.json that `transformers` opens as DeepSeek-V3. */
export function toHuggingFace(config: K2Config): Record<string, unknown> {
  const yarn = config.ropeScaling;
  return {
    architectures: ["DeepseekV3ForCausalLM"],
    model_type: config.modelType,
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    num_hidden_layers: config.numHiddenLayers,
    first_k_dense_replace: config.firstKDenseReplace,
    moe_layer_freq: 1,
    intermediate_size: config.intermediateSize,
    moe_intermediate_size: config.moeIntermediateSize,
    n_routed_experts: config.nRoutedExperts,
    n_shared_experts: config.nSharedExperts,
    num_experts_per_tok: config.numExpertsPerTok,
    n_group: 1,
    topk_group: 1,
    topk_method: "noaux_tc",
    scoring_func: "sigmoid",
    norm_topk_prob: config.normTopkProb,
    routed_scaling_factor: config.routedScalingFactor,
    num_attention_heads: config.numAttentionHeads,
    num_key_value_heads: config.numAttentionHeads,
    q_lora_rank: config.qLoraRank,
    kv_lora_rank: config.kvLoraRank,
    qk_nope_head_dim: config.qkNopeHeadDim,
    qk_rope_head_dim: config.qkRopeHeadDim,
    v_head_dim: config.vHeadDim,
    hidden_act: "silu",
    rope_theta: config.ropeTheta,
    rope_interleave: true,
    rope_scaling: yarn && {
      type: "yarn",
      factor: yarn.factor,
      beta_fast: yarn.betaFast,
      beta_slow: yarn.betaSlow,
      mscale: yarn.mscale,
      mscale_all_dim: yarn.mscaleAllDim,
      original_max_position_embeddings: yarn.originalMaxPositionEmbeddings,
    },
    max_position_embeddings: config.maxPositionEmbeddings,
    rms_norm_eps: config.rmsNormEps,
    initializer_range: config.initializerRange,
    attention_bias: false,
    attention_dropout: 0,
    bos_token_id: config.bosTokenId,
    eos_token_id: config.eosTokenId,
    tie_word_embeddings: false,
    num_nextn_predict_layers: 0,
    torch_dtype: "bfloat16",
  };
}

/** Width of a query or key head: nope + rope. */
export function qkHeadDim(config: K2Config): number {
  return config.qkNopeHeadDim + config.qkRopeHeadDim;
}

/** Factor on q·k: 1/√(nope + rope), times mscale² under YaRN (DeepSeek-V3's inference code; K2: 0.13086). */
export function softmaxScale(config: K2Config): number {
  const scale = qkHeadDim(config) ** -0.5;
  const yarn = config.ropeScaling;
  return yarn?.mscaleAllDim ? scale * yarnMscale(yarn.factor, yarn.mscaleAllDim) ** 2 : scale;
}

/** Parameters in all, and those that one token uses (without the input embedding, which is looked up). */
export function countParameters(config: K2Config): { total: number; active: number } {
  const { hiddenSize: d, numAttentionHeads: heads, kvLoraRank, qLoraRank, numHiddenLayers: layers } = config;
  const qWidth = heads * qkHeadDim(config);
  const query = qLoraRank === null ? d * qWidth : d * qLoraRank + qLoraRank + qLoraRank * qWidth;
  const keyValue =
    d * (kvLoraRank + config.qkRopeHeadDim) +
    kvLoraRank +
    kvLoraRank * heads * (config.qkNopeHeadDim + config.vHeadDim);
  const attention = query + keyValue + heads * config.vHeadDim * d;
  const dense = Math.min(config.firstKDenseReplace, layers);
  const expert = 3 * d * config.moeIntermediateSize;
  const moeFixed = d * config.nRoutedExperts + config.nRoutedExperts + config.nSharedExperts * expert;
  const shared =
    layers * (attention + 2 * d) + dense * 3 * d * config.intermediateSize + (layers - dense) * moeFixed + d;
  const embedding = config.vocabSize * d;
  return {
    total: shared + (layers - dense) * config.nRoutedExperts * expert + 2 * embedding,
    active: shared + (layers - dense) * config.numExpertsPerTok * expert + embedding,
  };
}

/**
 * FLOPs of a token in training on sequences of a length: six for each active weight, and those of causal attention, forward and
 * backward, nothing computed twice (what MFU counts: Chowdhery et al. 2022, arXiv 2204.02311, appendix B).
 */
export function trainingFlops(config: K2Config, sequenceLength: number): number {
  const head = qkHeadDim(config) + config.vHeadDim;
  const attention = 3 * config.numHiddenLayers * config.numAttentionHeads * head * sequenceLength;
  return 6 * countParameters(config).active + attention;
}
