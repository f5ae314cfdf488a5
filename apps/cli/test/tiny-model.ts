import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** Writes the config of a model that trains in seconds, with experts in all layers but the first. @returns its path */
export function writeTinyModel(folder: string, layers: number): string {
  const path = join(folder, "model.json");
  writeFileSync(
    path,
    JSON.stringify({
      vocab_size: 560,
      hidden_size: 32,
      num_hidden_layers: layers,
      first_k_dense_replace: 1,
      intermediate_size: 64,
      moe_intermediate_size: 16,
      n_routed_experts: 4,
      n_shared_experts: 1,
      num_experts_per_tok: 2,
      routed_scaling_factor: 2.5,
      num_attention_heads: 2,
      q_lora_rank: 16,
      kv_lora_rank: 16,
      qk_nope_head_dim: 8,
      qk_rope_head_dim: 8,
      v_head_dim: 8,
      rope_theta: 50000,
      max_position_embeddings: 64,
    }),
  );
  return path;
}
