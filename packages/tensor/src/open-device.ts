import { createDevice, type Device } from "./device.ts";
import { countGpus, openCudaBackend, type Precision } from "./devices/cuda/index.ts";
import { openReferenceBackend } from "./devices/reference/index.ts";
import { openWasmBackend } from "./devices/wasm/index.ts";

/** Devices by name: `auto` takes the fastest that is here. */
export const deviceNames = ["auto", "wasm", "cuda", "reference"] as const;
export type DeviceName = (typeof deviceNames)[number];

/** What `--precision` says: what products are computed in, or "fp8": bf16, and a model's weights stored in e4m3 by whoever makes it. */
export type DevicePrecision = Precision | "fp8";

/** Options of {@link openDevice}. */
export interface DeviceOptions {
  /** Threads of a CPU device. Default BALTORO_THREADS, else one per processor. */
  readonly threads?: number;
  /** What a GPU computes matrix products in. Default "bf16"; sums, norms, softmax, router and loss are f32 always. */
  readonly precision?: DevicePrecision;
}

/**
 * Opens a device.
 *
 * @example
 * const device = await openDevice("auto");
 * const sum = scope(device, () => add(tensor(device, [1, 2]), tensor(device, [3, 4])));
 * console.log(await sum.read());
 * await device.close();
 */
export async function openDevice(name: string = "auto", options: DeviceOptions = {}): Promise<Device> {
  switch (name) {
    case "auto":
      return openDevice(hasGpu() ? "cuda" : "wasm", options);
    case "wasm":
      return createDevice(await openWasmBackend(options));
    case "cuda":
      return createDevice(
        await openCudaBackend({ precision: options.precision === "fp8" ? "bf16" : (options.precision ?? "bf16") }),
      );
    case "reference":
      return createDevice(openReferenceBackend());
    default:
      throw new Error(`unknown device ${name}: there are ${deviceNames.join(", ")}`);
  }
}

/** Whether there is a GPU to compute on: a driver that shows one. What else is missing is an error of `openDevice`. */
function hasGpu(): boolean {
  try {
    return countGpus() > 0;
  } catch {
    return false;
  }
}
