import { type Device, type MatrixDType, parameter, persistent, type Tensor } from "@baltoro/tensor";
import type { K2Config } from "../config.ts";
import { isQuantized } from "../quantization.ts";

/** Weights of one MLA block, as Hugging Face stores them: linear layers [out, in]. */
export interface AttentionWeights {
  /** Low-rank query: W_qa, its norm, W_qb. Null where qLoraRank is null and `q` projects directly. */
  readonly qA: Tensor | null;
  readonly qANorm: Tensor | null;
  /** [H · (nope + rope), qLoraRank], or [H · (nope + rope), D] without the low rank. */
  readonly qB: Tensor;
  /** [kvLoraRank + rope, D]. */
  readonly kvA: Tensor;
  readonly kvANorm: Tensor;
  /** [H · (nope + v), kvLoraRank]. */
  readonly kvB: Tensor;
  /** [D, H · v]. */
  readonly o: Tensor;
}

/** down(silu(gate) · up). gate, up [M, D], down [D, M]. */
export interface FeedForwardWeights {
  readonly gate: Tensor;
  readonly up: Tensor;
  readonly down: Tensor;
}

/** Routed and shared experts. gate, up [E, M, D], down [E, D, M]. */
export interface MoeWeights {
  readonly router: Tensor;
  /** Selection bias [E]: moved by balancing, not by gradients. */
  readonly bias: Tensor;
  readonly experts: FeedForwardWeights;
  readonly shared: FeedForwardWeights;
}

/** One transformer block. */
export interface LayerWeights {
  readonly inputNorm: Tensor;
  readonly attention: AttentionWeights;
  readonly postAttentionNorm: Tensor;
  readonly dense: FeedForwardWeights | null;
  readonly moe: MoeWeights | null;
}

/** A K2 model on a device. */
export interface K2Weights {
  readonly embedding: Tensor;
  readonly layers: readonly LayerWeights[];
  readonly norm: Tensor;
  readonly head: Tensor;
}

/** What a tensor is: an optimizer treats matrices, embeddings (and the head), norms and the router's bias differently. */
export type ParameterKind = "matrix" | "embedding" | "norm" | "bias";

/** A tensor of the model under its Hugging Face name, `*` standing for the expert. */
export interface NamedWeight {
  readonly name: string;
  readonly tensor: Tensor;
  readonly kind: ParameterKind;
}

/**
 * Allocates the weights on a device, their values undefined. `trainable` makes them parameters with gradients, in f32; else matrices are
 * stored as `matrices` says, norms and biases in f32. "fp8e4m3" is for the matrices that K2's FP8 checkpoints hold in it; the others have the
 * type of the device's activations. `experts`: how many routed experts are held here, by default all.
 */
export function createWeights(
  device: Device,
  config: K2Config,
  trainable: boolean,
  matrices: MatrixDType = "f32",
  experts = config.nRoutedExperts,
): K2Weights {
  const typeOf = (name: string) =>
    matrices === "fp8e4m3" && !isQuantized(name) ? device.backend.activations : matrices;
  const make = (name: string, shape: readonly number[], trained = trainable): Tensor =>
    trained ? parameter(device, shape, name) : persistent(device, shape, shape.length > 1 ? typeOf(name) : "f32", name);
  const { hiddenSize: d, numAttentionHeads: heads, qLoraRank, kvLoraRank } = config;
  const qWidth = heads * (config.qkNopeHeadDim + config.qkRopeHeadDim);
  const feedForward = (prefix: string, inner: number, stack: readonly number[] = []): FeedForwardWeights => ({
    gate: make(`${prefix}.gate_proj.weight`, [...stack, inner, d]),
    up: make(`${prefix}.up_proj.weight`, [...stack, inner, d]),
    down: make(`${prefix}.down_proj.weight`, [...stack, d, inner]),
  });
  const attention = (prefix: string): AttentionWeights => ({
    qA: qLoraRank === null ? null : make(`${prefix}.q_a_proj.weight`, [qLoraRank, d]),
    qANorm: qLoraRank === null ? null : make(`${prefix}.q_a_layernorm.weight`, [qLoraRank]),
    qB:
      qLoraRank === null
        ? make(`${prefix}.q_proj.weight`, [qWidth, d])
        : make(`${prefix}.q_b_proj.weight`, [qWidth, qLoraRank]),
    kvA: make(`${prefix}.kv_a_proj_with_mqa.weight`, [kvLoraRank + config.qkRopeHeadDim, d]),
    kvANorm: make(`${prefix}.kv_a_layernorm.weight`, [kvLoraRank]),
    kvB: make(`${prefix}.kv_b_proj.weight`, [heads * (config.qkNopeHeadDim + config.vHeadDim), kvLoraRank]),
    o: make(`${prefix}.o_proj.weight`, [d, heads * config.vHeadDim]),
  });
  const moe = (prefix: string): MoeWeights => ({
    router: make(`${prefix}.gate.weight`, [config.nRoutedExperts, d]),
    bias: make(`${prefix}.gate.e_score_correction_bias`, [config.nRoutedExperts], false),
    experts: feedForward(`${prefix}.experts.*`, config.moeIntermediateSize, [experts]),
    shared: feedForward(`${prefix}.shared_experts`, config.moeIntermediateSize * config.nSharedExperts),
  });
  return {
    embedding: make("model.embed_tokens.weight", [config.vocabSize, d]),
    layers: Array.from({ length: config.numHiddenLayers }, (_, i) => {
      const prefix = `model.layers.${i}`;
      const isDense = i < config.firstKDenseReplace;
      return {
        inputNorm: make(`${prefix}.input_layernorm.weight`, [d]),
        attention: attention(`${prefix}.self_attn`),
        postAttentionNorm: make(`${prefix}.post_attention_layernorm.weight`, [d]),
        dense: isDense ? feedForward(`${prefix}.mlp`, config.intermediateSize) : null,
        moe: isDense ? null : moe(`${prefix}.mlp`),
      };
    }),
    norm: make("model.norm.weight", [d]),
    head: make("lm_head.weight", [config.vocabSize, d]),
  };
}

/** All tensors of a model with their names, in the order in which they were made. */
export function namedWeights(weights: K2Weights): NamedWeight[] {
  const named: NamedWeight[] = [];
  const put = (tensor: Tensor | null, kind: ParameterKind) => {
    if (tensor) named.push({ name: tensor.label, tensor, kind });
  };
  const putFeedForward = ({ gate, up, down }: FeedForwardWeights) => {
    for (const tensor of [gate, up, down]) put(tensor, "matrix");
  };
  put(weights.embedding, "embedding");
  for (const { inputNorm, attention, postAttentionNorm, dense, moe } of weights.layers) {
    put(inputNorm, "norm");
    put(attention.qA, "matrix");
    put(attention.qANorm, "norm");
    for (const tensor of [attention.qB, attention.kvA]) put(tensor, "matrix");
    put(attention.kvANorm, "norm");
    for (const tensor of [attention.kvB, attention.o]) put(tensor, "matrix");
    put(postAttentionNorm, "norm");
    if (dense) putFeedForward(dense);
    if (moe) {
      put(moe.router, "matrix");
      put(moe.bias, "bias");
      putFeedForward(moe.experts);
      putFeedForward(moe.shared);
    }
  }
  put(weights.norm, "norm");
  put(weights.head, "embedding");
  return named;
}

/** Releases all tensors of a model and their gradients. */
export function releaseWeights(weights: K2Weights): void {
  for (const { tensor } of namedWeights(weights)) tensor.release();
}
