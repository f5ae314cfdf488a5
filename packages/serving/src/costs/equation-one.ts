import { memoryEfficiency, stepOverheadMs } from "./calibration.ts";
import { ConfigError } from "./config-error.ts";
import type { Hardware } from "./hardware.ts";
import { nodeLimits } from "./memory.ts";
import type { ModelShape } from "./models.ts";
import type { CostModel } from "./types.ts";

/**
 * Equation 1 of FAST'25 §2: flops(n) = layers · (a·n²·d + b·n·d²), at a given share of the node's peak; a prefix of p tokens
 * saves flops(p). Decode is not in the paper: it reads the weights once per step, and the KV of its contexts, at a share of the
 * memory's bandwidth. A mixed step reads the weights while it multiplies: the longer of the two.
 *
 * @throws ConfigError for a model whose a and b no paper gives.
 */
export function equationOne(model: ModelShape, hardware: Hardware, mfu: number): CostModel {
  if (!model.equationOne) {
    throw new ConfigError("cost", `equation-1 has no constants for ${model.name}; first-principles covers it`);
  }
  const { a, b } = model.equationOne;
  const { layers, hiddenSize: d } = model;
  const limits = nodeLimits(model, hardware);
  const flopsPerMs = (mfu * hardware.gpus * hardware.flops) / 1000;
  const bytesPerMs = (memoryEfficiency * hardware.gpus * hardware.memoryBandwidth) / 1000;
  const tokenMs = (layers * b * d * d) / flopsPerMs;
  const pairMs = (layers * a * d) / flopsPerMs;
  const weightsMs = model.weightBytes / bytesPerMs;
  const contextMsPerToken = limits.kvBytesPerToken / bytesPerMs;
  return {
    ...limits,
    name: "equation-1",
    version: "equation-1/1",
    notes: [
      `FAST'25 Equation 1, a ${a}, b ${b}, MFU ${mfu}; decode reads weights and KV at ${memoryEfficiency} of the memory's bandwidth; ${stepOverheadMs} ms per step`,
    ],
    contextMsPerToken,
    stepMs(newTokens, prefixTokens, batch, contextTokens) {
      const linear = Math.max(weightsMs, (newTokens + batch) * tokenMs);
      const attention = newTokens * (newTokens + 2 * prefixTokens) * pairMs;
      return stepOverheadMs + linear + attention + contextTokens * contextMsPerToken;
    },
  };
}
