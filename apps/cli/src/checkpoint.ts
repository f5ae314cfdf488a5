import { type OpenCheckpoint, openCheckpoint } from "@baltoro/k2";
import type { DevicePrecision } from "@baltoro/tensor";
import { integerOption, UsageError } from "./usage.ts";

/** Opens the checkpoint that `--checkpoint`, `--device` and `--threads` name. */
export async function openFromOptions(directory: string, options: DeviceValues): Promise<OpenCheckpoint> {
  return openCheckpoint(directory, deviceOptions(options));
}

/** Values of the options that choose a device. */
export interface DeviceValues {
  readonly device?: string | undefined;
  readonly threads?: string | undefined;
  readonly precision?: string | undefined;
}

/** What they are for parseArgs. */
export const deviceFlags = {
  device: { type: "string" },
  threads: { type: "string" },
  precision: { type: "string" },
} as const;

/** What a command's usage says of them. */
export const deviceUsage = `--device NAME         auto (default: cuda where there is a GPU, else wasm), wasm, cuda, reference
  --threads N           of the CPU    --precision NAME  of a GPU's products: bf16 (default), tf32, f32;
                        fp8: bf16, and the weights in e4m3 (inference)`;

const precisions = ["bf16", "tf32", "f32", "fp8"] as const;

/** `--device`, `--threads` and `--precision`, checked. @throws UsageError */
export function deviceOptions(options: DeviceValues): {
  device?: string;
  threads?: number;
  precision?: DevicePrecision;
} {
  const threads = integerOption("threads", options.threads);
  const precision = precisions.find((name) => name === options.precision);
  if (options.precision !== undefined && !precision)
    throw new UsageError(`--precision is ${options.precision}, expected ${precisions.join(", ")}`);
  return {
    ...(precision ? { precision } : {}),
    ...(options.device === undefined ? {} : { device: options.device }),
    ...(threads === undefined ? {} : { threads }),
  };
}
