import { ConfigError } from "./config-error.ts";
import type { Hardware } from "./hardware.ts";
import { kvBytesPerToken, type ModelShape } from "./models.ts";
import type { CostModel } from "./types.ts";

/** Share of device memory for weights and KV; the rest is for activations (vLLM's gpu_memory_utilization). */
const usableMemory = 0.9;

/** What all cost models say of a node: memory and links. @throws ConfigError if the node cannot hold the model. */
export function nodeLimits(
  model: ModelShape,
  hardware: Hardware,
): Omit<CostModel, "name" | "version" | "notes" | "stepMs" | "contextMsPerToken"> {
  const usable = usableMemory * hardware.gpus * hardware.memoryBytes;
  const perToken = kvBytesPerToken(model);
  const kvCapacityTokens = Math.floor((usable - model.weightBytes) / perToken);
  if (kvCapacityTokens < 1) {
    const gb = (bytes: number) => `${(bytes / 1e9).toFixed(0)} GB`;
    throw new ConfigError(
      "hardware",
      `a node of ${hardware.gpus} × ${hardware.name.replace(/x\d+$/, "")} has ${gb(usable)} for weights and KV, ${model.name} needs ${gb(model.weightBytes)} for its weights alone; take larger nodes, such as ${hardware.name.replace(/x\d+$/, "")}x${Math.ceil((1.2 * model.weightBytes) / (usable / hardware.gpus) / 8) * 8}`,
    );
  }
  return {
    kvBytesPerToken: perToken,
    layers: model.layers,
    kvCapacityTokens,
    networkBytesPerMs: hardware.networkBandwidth / 1000,
    hostToDeviceBytesPerMs: hardware.hostToDeviceBandwidth / 1000,
    ssdBytesPerMs: hardware.ssdBandwidth / 1000,
  };
}
