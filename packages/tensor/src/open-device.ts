import { createDevice, type Device } from "./device.ts";
import { openReferenceBackend } from "./devices/reference/index.ts";
import { openWasmBackend } from "./devices/wasm/index.ts";

/** Devices by name: `auto` takes the fastest that is here. */
export const deviceNames = ["auto", "wasm", "reference"] as const;
export type DeviceName = (typeof deviceNames)[number];

/** Options of {@link openDevice}. */
export interface DeviceOptions {
  /** Threads of a CPU device. Default BALTORO_THREADS, else one per processor. */
  readonly threads?: number;
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
    case "wasm":
      return createDevice(await openWasmBackend(options));
    case "reference":
      return createDevice(openReferenceBackend());
    default:
      throw new Error(`unknown device ${name}: there are ${deviceNames.join(", ")}`);
  }
}
