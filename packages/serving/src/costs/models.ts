import { countParameters, type K2Config } from "@baltoro/k2";
import { ConfigError } from "./config-error.ts";

/** What a cost model needs to know of a transformer. */
export interface ModelShape {
  readonly name: string;
  readonly source: string;
  readonly layers: number;
  readonly hiddenSize: number;
  /** All weights, and those that one token passes (embedding tables left out). */
  readonly parameters: number;
  readonly activeParameters: number;
  readonly weightBytes: number;
  /** Numbers that the KV cache keeps per token and layer, and bytes of each. */
  readonly kvWidth: number;
  readonly kvBytes: number;
  /**
   * FLOPs per layer of one token's attention over one context token: in prefill, and in decode, where MLA works on its
   * latent (the absorbed form).
   */
  readonly prefillAttentionFlops: number;
  readonly decodeAttentionFlops: number;
  /** b of Equation 1, where a paper gives it; see equation-one.ts. */
  readonly equationOne?: { readonly a: number; readonly b: number };
  readonly experts?: {
    readonly routed: number;
    readonly perToken: number;
    readonly layers: number;
    /** Weights of one expert. */
    readonly parameters: number;
  };
}

interface DenseSize {
  readonly layers: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly vocabulary: number;
}

/** A Llama-like model: grouped-query attention, gated FFN, bf16. */
function dense(name: string, source: string, size: DenseSize, equationOne?: ModelShape["equationOne"]): ModelShape {
  const { layers, hiddenSize, intermediateSize, heads, kvHeads, vocabulary } = size;
  const kvWidth = (2 * kvHeads * hiddenSize) / heads;
  const active = layers * hiddenSize * (2 * hiddenSize + kvWidth + 3 * intermediateSize) + vocabulary * hiddenSize;
  return {
    name,
    source,
    layers,
    hiddenSize,
    parameters: active + vocabulary * hiddenSize,
    activeParameters: active,
    weightBytes: 2 * (active + vocabulary * hiddenSize),
    kvWidth,
    kvBytes: 2,
    prefillAttentionFlops: 4 * hiddenSize,
    decodeAttentionFlops: 4 * hiddenSize,
    ...(equationOne && { equationOne }),
  };
}

/** A K2 or DeepSeek-V3 model from its config.json. @param weightBytesEach - 1 for FP8, 2 for bf16. */
export function modelOfK2(name: string, config: K2Config, weightBytesEach = 1, source = "config.json"): ModelShape {
  const { total, active } = countParameters(config);
  const { numAttentionHeads: heads, kvLoraRank, qkRopeHeadDim, qkNopeHeadDim, vHeadDim } = config;
  const moeLayers = config.numHiddenLayers - config.firstKDenseReplace;
  return {
    name,
    source,
    layers: config.numHiddenLayers,
    hiddenSize: config.hiddenSize,
    parameters: total,
    activeParameters: active,
    weightBytes: total * weightBytesEach,
    kvWidth: kvLoraRank + qkRopeHeadDim,
    kvBytes: 2,
    prefillAttentionFlops: 2 * heads * (qkNopeHeadDim + qkRopeHeadDim + vHeadDim),
    decodeAttentionFlops: 2 * heads * (2 * kvLoraRank + qkRopeHeadDim),
    ...(moeLayers > 0 && {
      experts: {
        routed: config.nRoutedExperts,
        perToken: config.numExpertsPerTok,
        layers: moeLayers,
        parameters: 3 * config.hiddenSize * config.moeIntermediateSize,
      },
    }),
  };
}

/** Kimi K2 report (arXiv 2507.20534), Table 2 and its config.json. */
export const kimiK2: K2Config = {
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
  ropeScaling: null,
  maxPositionEmbeddings: 131072,
  rmsNormEps: 1e-6,
  initializerRange: 0.02,
  bosTokenId: 163584,
  eosTokenId: 163585,
  tieWordEmbeddings: false,
};

const llama70b = { layers: 80, hiddenSize: 8192, intermediateSize: 28672, heads: 64, kvHeads: 8 };
/** FAST'25 Table 3: a = 4, b = 22 for LLaMA3-70B; LLaMA2-70B has the same layers. */
const paperConstants = { a: 4, b: 22 };

const models: readonly ModelShape[] = [
  dense("llama2-70b", "meta-llama/Llama-2-70b config.json", { ...llama70b, vocabulary: 32000 }, paperConstants),
  dense("llama3-70b", "meta-llama/Meta-Llama-3-70B config.json", { ...llama70b, vocabulary: 128256 }, paperConstants),
  dense("llama3-8b", "meta-llama/Meta-Llama-3-8B config.json", {
    layers: 32,
    hiddenSize: 4096,
    intermediateSize: 14336,
    heads: 32,
    kvHeads: 8,
    vocabulary: 128256,
  }),
  modelOfK2("kimi-k2", kimiK2, 1, "moonshotai/Kimi-K2-Instruct config.json, FP8 weights, bf16 latent cache"),
];

export const modelNames = models.map(({ name }) => name);

/** @throws ConfigError for a name that is not in the table. */
export function findModel(name: string): ModelShape {
  const model = models.find((candidate) => candidate.name === name);
  if (!model) throw new ConfigError("model", `"${name}" is not known; there are ${modelNames.join(", ")}`);
  return model;
}

/** Bytes of KV per token, all layers. */
export function kvBytesPerToken({ layers, kvWidth, kvBytes }: ModelShape): number {
  return layers * kvWidth * kvBytes;
}
