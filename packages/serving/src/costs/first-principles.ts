import { memoryEfficiency, stepOverheadMs } from "./calibration.ts";
import type { Hardware } from "./hardware.ts";
import { nodeLimits } from "./memory.ts";
import type { ModelShape } from "./models.ts";
import type { CostModel } from "./types.ts";

/**
 * FLOPs and bytes counted from the model's shape. Linear layers: the longer of multiplying (2 FLOPs per active weight and
 * token) and of reading the weights, of the experts only those that some token of the step takes. Attention: causal, so half
 * of the pairs of a prompt; in decode the longer of reading the cache and of multiplying with it, which for MLA is close.
 * MFU is of the bf16 peak: FP8 counts for what it saves in bytes, not for faster products.
 */
export function firstPrinciples(model: ModelShape, hardware: Hardware, mfu: number): CostModel {
  const limits = nodeLimits(model, hardware);
  const flopsPerMs = (mfu * hardware.gpus * hardware.flops) / 1000;
  const bytesPerMs = (memoryEfficiency * hardware.gpus * hardware.memoryBandwidth) / 1000;
  const tokenMs = (2 * model.activeParameters) / flopsPerMs;
  const pairMs = (model.layers * model.prefillAttentionFlops) / flopsPerMs;
  const contextMsPerToken = Math.max(
    limits.kvBytesPerToken / bytesPerMs,
    (model.layers * model.decodeAttentionFlops) / flopsPerMs,
  );
  const readMs = weightReadMs(model, bytesPerMs);
  return {
    ...limits,
    name: "first-principles",
    version: "first-principles/1",
    notes: [
      `FLOPs and bytes from ${model.source}; MFU ${mfu} of the bf16 peak, memory at ${memoryEfficiency} of its bandwidth, ${stepOverheadMs} ms per step; experts are drawn evenly, traffic between GPUs is not counted apart`,
    ],
    contextMsPerToken,
    stepMs(newTokens, prefixTokens, batch, contextTokens) {
      const linear = Math.max(readMs(newTokens + batch), (newTokens + batch) * tokenMs);
      const attention = newTokens * (newTokens / 2 + prefixTokens) * pairMs;
      return stepOverheadMs + linear + attention + contextTokens * contextMsPerToken;
    },
  };
}

/** ms to read the weights that a step of so many tokens needs. */
function weightReadMs(model: ModelShape, bytesPerMs: number): (tokens: number) => number {
  const { experts, weightBytes, parameters } = model;
  if (!experts) return () => weightBytes / bytesPerMs;
  const bytesEach = weightBytes / parameters;
  const all = experts.routed * experts.layers * experts.parameters * bytesEach;
  const others = weightBytes - all;
  const missed = 1 - experts.perToken / experts.routed;
  return (tokens) => (others + all * (1 - missed ** tokens)) / bytesPerMs;
}
