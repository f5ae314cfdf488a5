import type { K2Config } from "./config.ts";

const shared = {
  modelType: "deepseek_v3",
  firstKDenseReplace: 1,
  nSharedExperts: 1,
  normTopkProb: true,
  routedScalingFactor: 2.5,
  ropeTheta: 50000,
  ropeScaling: null,
  rmsNormEps: 1e-6,
  initializerRange: 0.02,
  tieWordEmbeddings: false,
} as const;

/** The special slots are the last 256 ids, begin- and end-of-sequence the first two of them. */
function specialIds(vocabSize: number): Pick<K2Config, "vocabSize" | "bosTokenId" | "eosTokenId"> {
  return { vocabSize, bosTokenId: vocabSize - 256, eosTokenId: vocabSize - 255 };
}

/** K2's architecture at sizes that are trained here. */
export const presets = {
  /** For tests: a step takes milliseconds. */
  "k2-tiny": {
    ...shared,
    ...specialIds(512),
    hiddenSize: 32,
    numHiddenLayers: 2,
    intermediateSize: 64,
    moeIntermediateSize: 16,
    nRoutedExperts: 4,
    numExpertsPerTok: 2,
    numAttentionHeads: 2,
    qLoraRank: 16,
    kvLoraRank: 16,
    qkNopeHeadDim: 8,
    qkRopeHeadDim: 8,
    vHeadDim: 8,
    maxPositionEmbeddings: 128,
  },
  /** For a laptop's CPU: 12.0M parameters, 4.1M of them active. */
  "k2-nano": {
    ...shared,
    ...specialIds(4096),
    hiddenSize: 256,
    numHiddenLayers: 6,
    intermediateSize: 1024,
    moeIntermediateSize: 128,
    nRoutedExperts: 16,
    numExpertsPerTok: 2,
    numAttentionHeads: 4,
    qLoraRank: 128,
    kvLoraRank: 64,
    qkNopeHeadDim: 32,
    qkRopeHeadDim: 16,
    vHeadDim: 32,
    maxPositionEmbeddings: 512,
  },
  /** For one GPU: 0.72B parameters, 187M active. */
  "k2-mini": {
    ...shared,
    ...specialIds(32768),
    hiddenSize: 1024,
    numHiddenLayers: 16,
    intermediateSize: 4096,
    moeIntermediateSize: 384,
    nRoutedExperts: 32,
    numExpertsPerTok: 4,
    numAttentionHeads: 8,
    qLoraRank: 512,
    kvLoraRank: 256,
    qkNopeHeadDim: 128,
    qkRopeHeadDim: 64,
    vHeadDim: 128,
    maxPositionEmbeddings: 2048,
  },
} as const satisfies Record<string, K2Config>;

export type PresetName = keyof typeof presets;

/** A preset by name. @throws with the known names if there is none. */
export function preset(name: string): K2Config {
  if (!Object.hasOwn(presets, name))
    throw new Error(`unknown preset ${name}: there are ${Object.keys(presets).join(", ")}`);
  return presets[name as PresetName];
}
