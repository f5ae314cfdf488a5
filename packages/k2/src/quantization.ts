import type { BlockShape } from "@baltoro/tensor";

/** Blocks of the FP8 checkpoints of K2 and DeepSeek-V3. */
export const k2Blocks: BlockShape = { rows: 128, columns: 128 };

/** A weight's scales are stored under its name with this behind it. */
export const scaleSuffix = "_scale_inv";

/**
 * Whether K2's FP8 checkpoints hold a tensor in e4m3: every projection of attention and feed-forward, routed and shared experts included.
 * Embeddings, head, norms and the router stay bf16, the router's selection bias f32.
 */
export function isQuantized(name: string): boolean {
  return /\.(?:[a-z]+(?:_[ab])?_proj|kv_a_proj_with_mqa)\.weight$/.test(name);
}

/**
 * Whether a config.json announces e4m3 weights in its `quantization_config`.
 *
 * @throws where that is of another kind than K2's: blocks of 128 × 128, activations quantized as they come.
 */
export function parseQuantization(json: unknown, source = "config.json"): boolean {
  const field = (json as { quantization_config?: unknown } | null)?.quantization_config ?? null;
  if (field === null) return false;
  const fields = field as Record<string, unknown>;
  for (const [name, expected] of Object.entries(quantizationFields)) {
    const found = fields[name] ?? (name === "quant_method" || name === "weight_block_size" ? undefined : expected);
    if (JSON.stringify(found) !== JSON.stringify(expected)) {
      throw new Error(
        `${source}: quantization_config.${name} is ${JSON.stringify(found)}, supported is ${JSON.stringify(expected)}, as in K2's FP8 checkpoint`,
      );
    }
  }
  return true;
}

/** `quantization_config` of K2's config.json. */
export const quantizationFields: Readonly<Record<string, unknown>> = {
  activation_scheme: "dynamic",
  fmt: "e4m3",
  quant_method: "fp8",
  weight_block_size: [k2Blocks.rows, k2Blocks.columns],
};
