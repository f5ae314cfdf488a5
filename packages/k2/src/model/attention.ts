import {
  concatenate,
  linear,
  type RopeTables,
  reshape,
  rmsNorm,
  rope,
  attention as softmaxAttention,
  split,
  type Tensor,
} from "@baltoro/tensor";
import { type K2Config, softmaxScale } from "../config.ts";
import { type Activations, keepAll } from "./activations.ts";
import type { AttentionWeights } from "./weights.ts";

/** A batch of packed sequences, T = B · S rows. */
export interface PackedBatch {
  /** i32 [B, S]. */
  readonly tokens: Tensor;
  /** i32 [B · S]: positions restart with each document. */
  readonly positions: Tensor;
  /** i32 [B, S]: non-decreasing document ids within a sequence. */
  readonly documents: Tensor;
}

/** Queries [T, H, nope + rope], their last `rope` columns rotated. */
export function projectQuery(
  x: Tensor,
  weights: AttentionWeights,
  config: K2Config,
  positions: Tensor,
  tables: RopeTables,
): Tensor {
  return expandQuery(compressQuery(x, weights), weights, config, positions, tables);
}

/** What queries are expanded from: [T, qLoraRank], or x itself in models without that projection. */
function compressQuery(x: Tensor, weights: AttentionWeights): Tensor {
  return weights.qA ? linear(x, weights.qA) : x;
}

function expandQuery(
  compressed: Tensor,
  weights: AttentionWeights,
  config: K2Config,
  positions: Tensor,
  tables: RopeTables,
): Tensor {
  const { numAttentionHeads: heads, qkNopeHeadDim, qkRopeHeadDim, rmsNormEps } = config;
  const low = weights.qANorm ? rmsNorm(compressed, weights.qANorm, rmsNormEps) : compressed;
  const q = reshape(linear(low, weights.qB), [compressed.shape[0], heads, qkNopeHeadDim + qkRopeHeadDim]);
  return rope(q, positions, tables, qkNopeHeadDim);
}

/** The normalized latent [T, kvLoraRank] and the rotated key part that all heads share [T, 1, rope]: all that is cached. */
export function projectLatent(
  x: Tensor,
  weights: AttentionWeights,
  config: K2Config,
  positions: Tensor,
  tables: RopeTables,
) {
  return normalizeLatent(linear(x, weights.kvA), weights, config, positions, tables);
}

function normalizeLatent(
  projected: Tensor,
  weights: AttentionWeights,
  config: K2Config,
  positions: Tensor,
  tables: RopeTables,
) {
  const [compressed, keyRope] = split(projected, [config.kvLoraRank, config.qkRopeHeadDim]);
  return {
    latent: rmsNorm(compressed, weights.kvANorm, config.rmsNormEps),
    keyRope: rope(reshape(keyRope, [projected.shape[0], 1, config.qkRopeHeadDim]), positions, tables),
  };
}

/**
 * Multi-head latent attention over packed sequences with keys and values expanded from the latent (DeepSeek-V2 §2.1,
 * K2's config): x [T, D] → out [T, D]; rowMax [B, H, S] are the largest logits per query, for QK-Clip.
 */
export function latentAttention(
  x: Tensor,
  weights: AttentionWeights,
  config: K2Config,
  batch: PackedBatch,
  tables: RopeTables,
  activations: Activations = keepAll,
) {
  const { numAttentionHeads: heads, qkNopeHeadDim, qkRopeHeadDim, vHeadDim } = config;
  const rows = x.shape[0];
  const [sequences, length] = batch.documents.shape;
  const qkDim = qkNopeHeadDim + qkRopeHeadDim;
  const [q, k, value] = activations.again(
    [compressQuery(x, weights), linear(x, weights.kvA), batch.positions],
    ([compressed, projected, positions]) => {
      const { latent, keyRope } = normalizeLatent(projected, weights, config, positions, tables);
      const expanded = reshape(linear(latent, weights.kvB), [rows, heads, qkNopeHeadDim + vHeadDim]);
      const [keyNope, value] = split(expanded, [qkNopeHeadDim, vHeadDim]);
      const q = expandQuery(compressed, weights, config, positions, tables);
      return [q, concatenate([keyNope, keyRope]), value];
    },
  );
  const { out, rowMax } = softmaxAttention(
    reshape(q, [sequences, length, heads, qkDim]),
    reshape(k, [sequences, length, heads, qkDim]),
    reshape(value, [sequences, length, heads, vHeadDim]),
    { documents: batch.documents, scale: softmaxScale(config), causal: true },
  );
  return { out: linear(reshape(out, [rows, heads * vHeadDim]), weights.o), rowMax };
}
