import {
  downProducts,
  latentInputs,
  linearAdd,
  normProducts,
  type PagedContext,
  pagedLatentValues,
  type RopeTables,
  routedGates,
  type Tensor,
} from "@baltoro/tensor";
import { type K2Config, softmaxScale } from "../config.ts";
import type { LayerWeights } from "../model/weights.ts";

/** What a layer of decoding works on beside its input. */
export interface LayerState {
  readonly layer: LayerWeights;
  /** kv_b_proj by head: keys [H, latent, nope], values [H, v, latent]. */
  readonly keys: Tensor;
  readonly values: Tensor;
  readonly cache: Tensor;
  readonly loads: Tensor | null;
  readonly tables: RopeTables;
  readonly positions: Tensor;
  readonly slots: Tensor;
  readonly context: PagedContext;
}

/** Whether every size of a model is one that the fused kernels take. */
export function fitsFused(config: K2Config): boolean {
  const { qLoraRank, kvLoraRank, qkNopeHeadDim, qkRopeHeadDim, vHeadDim, moeIntermediateSize } = config;
  const sizes = [kvLoraRank, qkNopeHeadDim, qkRopeHeadDim, vHeadDim, moeIntermediateSize, qLoraRank ?? 8];
  const whole = [...sizes, config.hiddenSize, config.intermediateSize].every((size) => size % 8 === 0);
  return whole && kvLoraRank <= 512 && kvLoraRank + qkRopeHeadDim <= 640 && config.nRoutedExperts <= 512;
}

/**
 * One block for few rows in nine kernels or fewer, each of which reads its weights once: x [T, D] → [T, D]. What
 * PagedModel's plain path does, on a backend with `fusedRows`.
 */
export function fusedLayer(x: Tensor, config: K2Config, state: LayerState): Tensor {
  const { layer, keys, values, cache, tables, positions, slots, context } = state;
  const { attention } = layer;
  const { rmsNormEps: eps } = config;
  const first = normProducts(x, layer.inputNorm, eps, [
    { weight: attention.qA ?? attention.qB },
    { weight: attention.kvA },
  ]);
  const [low, kv] = first.outputs;
  const q = attention.qANorm ? normProducts(low, attention.qANorm, eps, [{ weight: attention.qB }]).outputs[0] : low;
  const inputs = { norm: attention.kvANorm, keys, positions, tables, slots, cache, eps };
  const attended = pagedLatentValues(latentInputs(q, kv, inputs), cache, context, values, softmaxScale(config));
  return fusedFeedForward(linearAdd(attended, attention.o, x), config, state);
}

function fusedFeedForward(x: Tensor, config: K2Config, { layer, loads }: LayerState): Tensor {
  const { dense, moe, postAttentionNorm } = layer;
  const { rmsNormEps: eps } = config;
  if (dense) {
    const [gate, up] = normProducts(x, postAttentionNorm, eps, [{ weight: dense.gate }, { weight: dense.up }]).outputs;
    return downProducts(x, { gate, up, down: dense.down }, null);
  }
  if (!moe || !loads) throw new Error("fusedLayer: the layer has neither a dense feed-forward nor experts");
  const { normed, outputs } = normProducts(x, postAttentionNorm, eps, [
    { weight: moe.router, dtype: "f32" },
    { weight: moe.shared.gate },
    { weight: moe.shared.up },
  ]);
  const [logits, gate, up] = outputs;
  const { inner, ...routing } = routedGates(normed, logits, moe.bias, moe.experts, {
    k: config.numExpertsPerTok,
    normalize: config.normTopkProb,
    scaling: config.routedScalingFactor,
    loads,
  });
  return downProducts(x, { gate, up, down: moe.shared.down }, { routing, inner, down: moe.experts.down });
}
