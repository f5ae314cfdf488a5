import { type Driver, loadDriver } from "./driver.ts";
import { CudaUnavailableError } from "./libraries.ts";

/** One GPU, with its context current in this thread. */
export interface Gpu {
  readonly driver: Driver;
  readonly ordinal: number;
  readonly name: string;
  /** NVIDIA's number of the card, 32 hexadecimal digits. */
  readonly uuid: string;
  /** What kernels are compiled for: "sm_90a" has Hopper's own instructions. */
  readonly chip: string;
  readonly multiprocessors: number;
  readonly totalBytes: number;
  /** Gives the context back. */
  release(): void;
}

// CUdevice_attribute.
const attributes = { multiprocessors: 16, major: 75, minor: 76 };
/** bf16 on the tensor cores, asynchronous copies. */
const leastMajor = 8;

/** Number of GPUs that the driver shows. @throws CudaUnavailableError without a driver. */
export function countGpus(): number {
  return loadDriver().get("cuDeviceGetCount");
}

/** @throws CudaUnavailableError where there is no such GPU, or it is too old. */
export function openGpu(ordinal: number): Gpu {
  const driver = loadDriver();
  const count = driver.get("cuDeviceGetCount");
  if (!Number.isInteger(ordinal) || ordinal < 0 || ordinal >= count) {
    throw new CudaUnavailableError(`there is no GPU ${ordinal}: the driver shows ${count}, numbered from 0`);
  }
  const device = driver.get("cuDeviceGet", ordinal);
  const text = Buffer.alloc(256);
  driver.call("cuDeviceGetName", text, text.length, device);
  const name = text.toString("utf8", 0, text.indexOf(0));
  const attribute = (which: number) => driver.get("cuDeviceGetAttribute", which, device);
  const [major, minor] = [attribute(attributes.major), attribute(attributes.minor)];
  if (major < leastMajor) {
    throw new CudaUnavailableError(
      `GPU ${ordinal}, ${name}, has compute capability ${major}.${minor}: ${leastMajor}.0 (Ampere) or newer is needed`,
    );
  }
  const uuid = Buffer.alloc(16);
  driver.call("cuDeviceGetUuid", uuid, device);
  driver.call("cuCtxSetCurrent", driver.get("cuDevicePrimaryCtxRetain", device));
  return {
    driver,
    ordinal,
    name,
    uuid: uuid.toString("hex"),
    chip: `sm_${major}${minor}${major >= 9 ? "a" : ""}`,
    multiprocessors: attribute(attributes.multiprocessors),
    totalBytes: driver.get("cuDeviceTotalMem", device),
    release: () => driver.code("cuDevicePrimaryCtxRelease", device),
  };
}

export function describeGpu({ name, chip }: Gpu): string {
  return `${name} (${chip})`;
}

/** Dense bf16 TFLOP/s by NVIDIA's data sheets; the first name that is part of a card's own counts. */
const dataSheet: readonly (readonly [name: string, teraflops: number])[] = [
  ["H100 PCIe", 756],
  ["H100 NVL", 835],
  ["H100", 989],
  ["H200", 989],
  ["H800", 989],
  ["H20", 148],
  ["GH200", 989],
  ["B200", 2250],
  ["A100", 312],
  ["A800", 312],
  ["L40S", 362],
  ["L4", 121],
  ["A10G", 70],
  ["A10", 125],
  ["RTX 4090", 165],
  ["RTX 3090", 71],
];

/** What a card's tensor cores can do in bf16, FLOP/s; undefined for a card that is not in the list. */
export function peakFlopsOf(name: string): number | undefined {
  const found = dataSheet.find(([part]) => name.includes(part));
  return found && found[1] * 1e12;
}
