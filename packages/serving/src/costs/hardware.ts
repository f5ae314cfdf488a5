import { ConfigError } from "./config-error.ts";

/** One node: GPUs that serve one copy of the model together, and what connects them to the world. */
export interface Hardware {
  readonly name: string;
  readonly gpus: number;
  /** Of one GPU: dense bf16 FLOP/s, bytes of memory, bytes/s of memory. */
  readonly flops: number;
  readonly memoryBytes: number;
  readonly memoryBandwidth: number;
  /** Of a node of 8 GPUs, bytes/s. */
  readonly networkBandwidth: number;
  readonly hostToDeviceBandwidth: number;
  readonly ssdBandwidth: number;
}

/*
 * GPUs: NVIDIA's data sheets; the 800s differ from the 100s in NVLink only, which no cost model here uses.
 * Network: what FAST'25 §5.3.1 measured, 87 GB/s of 4×200 Gbps (A800 nodes) and 190 GB/s of 8×400 Gbps (H800 nodes).
 * Host to device: 128 GB/s for A800 nodes (FAST'25 Table 3), twice that with PCIe 5. SSD: four NVMe drives of 6 GB/s, assumed.
 */
const ampere = {
  flops: 312e12,
  memoryBytes: 80e9,
  memoryBandwidth: 2.039e12,
  networkBandwidth: 87e9,
  hostToDeviceBandwidth: 128e9,
  ssdBandwidth: 24e9,
};
const hopper = {
  flops: 989e12,
  memoryBytes: 80e9,
  memoryBandwidth: 3.35e12,
  networkBandwidth: 190e9,
  hostToDeviceBandwidth: 256e9,
  ssdBandwidth: 24e9,
};
const gpus: Readonly<Record<string, Omit<Hardware, "name" | "gpus">>> = {
  a100: ampere,
  a800: ampere,
  h100: hopper,
  h800: hopper,
  h200: { ...hopper, memoryBytes: 141e9, memoryBandwidth: 4.8e12 },
};

export const hardwareNames = Object.keys(gpus);

/** "a800" is a node of 8 GPUs, "h200x16" one of 16. @throws ConfigError for a name that is not in the table. */
export function findHardware(name: string): Hardware {
  const parts = /^([a-z0-9]+?)(?:x(\d{1,3}))?$/.exec(name);
  const gpu = parts && gpus[parts[1]];
  const count = Number(parts?.[2] ?? 8);
  if (!gpu || count < 1) {
    throw new ConfigError(
      "hardware",
      `"${name}" is not known; there are ${hardwareNames.join(", ")}, each a node of 8 GPUs or, as in ${hardwareNames[0]}x16, of another number`,
    );
  }
  const scale = count / 8;
  return {
    name,
    gpus: count,
    ...gpu,
    networkBandwidth: gpu.networkBandwidth * scale,
    hostToDeviceBandwidth: gpu.hostToDeviceBandwidth * scale,
  };
}
