import { type K2Model, namedWeights } from "@baltoro/k2";
import type { ClippedAttention, OptimizedParameter } from "../optimizer/index.ts";

/** Which optimizer treats which weight (K2 report §2.1, Moonlight's code): matrices Muon, embeddings, head, norms AdamW. */
export function optimizedParameters(model: K2Model, adamWOnly = false): OptimizedParameter[] {
  const heads = model.config.numAttentionHeads;
  return namedWeights(model.weights)
    .filter(({ kind }) => kind !== "bias")
    .map(({ name, tensor, kind }) => ({
      name,
      tensor,
      group: kind === "matrix" && !adamWOnly ? "muon" : "adamw",
      ...(model.experts && name.includes("*")
        ? { held: { first: model.experts.first, of: model.config.nRoutedExperts } }
        : {}),
      ...(/\.(q_b_proj|q_proj|kv_b_proj)\./.test(name) ? { heads } : {}),
    }));
}

/**
 * The rows that QK-Clip scales: q_nope and k_nope by √γ, q_rope by γ; the values and the shared k_rope (the last rows of
 * kv_a_proj) stay.
 */
export function clippedAttention(model: K2Model): ClippedAttention[] {
  const { qkNopeHeadDim: nope, qkRopeHeadDim: rope, vHeadDim } = model.config;
  return model.weights.layers.map(({ attention }, layer) => ({
    maxLogits: model.statistics.maxLogits[layer],
    rows: [
      { weight: attention.qB, rowsPerHead: nope + rope, start: 0, count: nope, power: 0 },
      { weight: attention.qB, rowsPerHead: nope + rope, start: nope, count: rope, power: 1 },
      { weight: attention.kvB, rowsPerHead: nope + vHeadDim, start: 0, count: nope, power: 0 },
    ],
  }));
}
