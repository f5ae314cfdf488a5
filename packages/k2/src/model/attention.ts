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
  const { numAttentionHeads: heads, qkNopeHeadDim, qkRopeHeadDim, rmsNormEps } = config;
  const low = weights.qA && weights.qANorm ? rmsNorm(linear(x, weights.qA), weights.qANorm, rmsNormEps) : x;
  const q = reshape(linear(low, weights.qB), [x.shape[0], heads, qkNopeHeadDim + qkRopeHeadDim]);
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
  const [compressed, keyRope] = split(linear(x, weights.kvA), [config.kvLoraRank, config.qkRopeHeadDim]);
  return {
    latent: rmsNorm(compressed, weights.kvANorm, config.rmsNormEps),
    keyRope: rope(reshape(keyRope, [x.shape[0], 1, config.qkRopeHeadDim]), positions, tables),
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
) {
  const { numAttentionHeads: heads, qkNopeHeadDim, qkRopeHeadDim, vHeadDim } = config;
  const rows = x.shape[0];
  const [sequences, length] = batch.documents.shape;
  const q = projectQuery(x, weights, config, batch.positions, tables);
  const { latent, keyRope } = projectLatent(x, weights, config, batch.positions, tables);
  const expanded = reshape(linear(latent, weights.kvB), [rows, heads, qkNopeHeadDim + vHeadDim]);
  const [keyNope, value] = split(expanded, [qkNopeHeadDim, vHeadDim]);
  const qkDim = qkNopeHeadDim + qkRopeHeadDim;
  const k = concatenate([keyNope, keyRope]);
  const { out, rowMax } = softmaxAttention(
    reshape(q, [sequences, length, heads, qkDim]),
    reshape(k, [sequences, length, heads, qkDim]),
    reshape(value, [sequences, length, heads, vHeadDim]),
    { documents: batch.documents, scale: softmaxScale(config), causal: true },
  );
  return { out: linear(reshape(out, [rows, heads * vHeadDim]), weights.o), rowMax };
}
