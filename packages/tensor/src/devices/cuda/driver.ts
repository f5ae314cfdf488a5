import { DeviceLostError, OutOfMemoryError } from "../../backend.ts";
import { CudaUnavailableError, loadLibrary } from "./libraries.ts";

/** Addresses and opaque handles of the driver, as numbers: user space ends below 2^47. */
export type Handle = number;

// CUDA Driver API, signatures of CUDA 12 and 13 (docs.nvidia.com/cuda/cuda-driver-api). Handles are uintptr_t.
const prototypes = {
  cuInit: "int cuInit(unsigned int flags)",
  cuDriverGetVersion: "int cuDriverGetVersion(_Out_ int *version)",
  cuDeviceGetCount: "int cuDeviceGetCount(_Out_ int *count)",
  cuDeviceGet: "int cuDeviceGet(_Out_ int *device, int ordinal)",
  cuDeviceGetName: "int cuDeviceGetName(char *name, int length, int device)",
  cuDeviceGetAttribute: "int cuDeviceGetAttribute(_Out_ int *value, int attribute, int device)",
  cuDeviceGetUuid: "int cuDeviceGetUuid_v2(uint8_t *uuid, int device)",
  cuDeviceTotalMem: "int cuDeviceTotalMem_v2(_Out_ size_t *bytes, int device)",
  cuDevicePrimaryCtxRetain: "int cuDevicePrimaryCtxRetain(_Out_ uintptr_t *context, int device)",
  cuDevicePrimaryCtxRelease: "int cuDevicePrimaryCtxRelease_v2(int device)",
  cuCtxSetCurrent: "int cuCtxSetCurrent(uintptr_t context)",
  cuMemAlloc: "int cuMemAlloc_v2(_Out_ uintptr_t *address, size_t bytes)",
  cuMemFree: "int cuMemFree_v2(uintptr_t address)",
  cuMemHostAlloc: "int cuMemHostAlloc(_Out_ uintptr_t *address, size_t bytes, unsigned int flags)",
  cuMemFreeHost: "int cuMemFreeHost(uintptr_t address)",
  cuMemcpyHtoDAsync: "int cuMemcpyHtoDAsync_v2(uintptr_t to, uintptr_t from, size_t bytes, uintptr_t stream)",
  cuMemcpyDtoHAsync: "int cuMemcpyDtoHAsync_v2(uintptr_t to, uintptr_t from, size_t bytes, uintptr_t stream)",
  cuMemcpyDtoDAsync: "int cuMemcpyDtoDAsync_v2(uintptr_t to, uintptr_t from, size_t bytes, uintptr_t stream)",
  cuStreamCreate: "int cuStreamCreate(_Out_ uintptr_t *stream, unsigned int flags)",
  cuStreamDestroy: "int cuStreamDestroy_v2(uintptr_t stream)",
  cuStreamSynchronize: "int cuStreamSynchronize(uintptr_t stream)",
  cuStreamBeginCapture: "int cuStreamBeginCapture_v2(uintptr_t stream, int mode)",
  cuStreamEndCapture: "int cuStreamEndCapture(uintptr_t stream, _Out_ uintptr_t *graph)",
  cuGraphInstantiate:
    "int cuGraphInstantiateWithFlags(_Out_ uintptr_t *executable, uintptr_t graph, unsigned long long flags)",
  cuGraphDestroy: "int cuGraphDestroy(uintptr_t graph)",
  cuGraphExecDestroy: "int cuGraphExecDestroy(uintptr_t executable)",
  cuGraphLaunch: "int cuGraphLaunch(uintptr_t executable, uintptr_t stream)",
  cuEventCreate: "int cuEventCreate(_Out_ uintptr_t *event, unsigned int flags)",
  cuEventDestroy: "int cuEventDestroy_v2(uintptr_t event)",
  cuEventRecord: "int cuEventRecord(uintptr_t event, uintptr_t stream)",
  cuEventQuery: "int cuEventQuery(uintptr_t event)",
  cuEventElapsedTime: "int cuEventElapsedTime(_Out_ float *milliseconds, uintptr_t start, uintptr_t end)",
  cuModuleLoadData: "int cuModuleLoadData(_Out_ uintptr_t *module, const uint8_t *image)",
  cuModuleUnload: "int cuModuleUnload(uintptr_t module)",
  cuModuleGetFunction: "int cuModuleGetFunction(_Out_ uintptr_t *function, uintptr_t module, const char *name)",
  cuFuncSetAttribute: "int cuFuncSetAttribute(uintptr_t function, int attribute, int value)",
  cuLaunchKernel:
    "int cuLaunchKernel(uintptr_t function, unsigned int gx, unsigned int gy, unsigned int gz, unsigned int bx, unsigned int by, unsigned int bz, unsigned int shared, uintptr_t stream, uintptr_t params, uintptr_t extra)",
  cuLaunchKernelEx: "int cuLaunchKernelEx(uintptr_t config, uintptr_t function, uintptr_t params, uintptr_t extra)",
} as const;
type FunctionName = keyof typeof prototypes;

/** The driver's functions. Each checks the code that comes back. */
export interface Driver {
  readonly path: string;
  /** 13000 for CUDA 13.0. */
  readonly version: number;
  /** Calls a function. @throws DeviceLostError, or OutOfMemoryError, naming the function and what the driver says. */
  call(name: FunctionName, ...args: readonly unknown[]): void;
  /** Calls a function whose first argument receives a handle or number. */
  get(name: FunctionName, ...args: readonly unknown[]): number;
  /** Calls a function and returns its code, unchecked. */
  code(name: FunctionName, ...args: readonly unknown[]): number;
}

/** CUDA_ERROR_NOT_READY: the stream has not come to the event yet. */
export const notReady = 600;
const outOfMemory = 2;
const noDevice = 100;

let loaded: Driver | undefined;

/** Loads and initializes the driver, once per thread. @throws CudaUnavailableError. */
export function loadDriver(): Driver {
  if (loaded) return loaded;
  const { library, path } = loadLibrary("cuda");
  const functions = Object.fromEntries(
    Object.entries(prototypes).map(([name, prototype]) => [name, library.func(prototype)]),
  ) as unknown as Record<FunctionName, (...args: readonly unknown[]) => number>;
  const errorName = library.func("int cuGetErrorName(int code, _Out_ const char **name)");
  const errorText = library.func("int cuGetErrorString(int code, _Out_ const char **text)");
  const describe = (code: number) => {
    const [name, text]: (string | null)[][] = [[null], [null]];
    errorName(code, name);
    errorText(code, text);
    return `${name[0] ?? `error ${code}`}: ${text[0] ?? "unknown"}`;
  };
  const code: Driver["code"] = (name, ...args) => functions[name](...args);
  const call: Driver["call"] = (name, ...args) => {
    const result = functions[name](...args);
    if (result === 0) return;
    if (result === outOfMemory) throw new OutOfMemoryError(`${name}: ${describe(result)}`);
    throw new DeviceLostError(
      `${name}: ${describe(result)}. The CUDA device is lost: restart, and resume from the last checkpoint (CUDA_LAUNCH_BLOCKING=1 names the kernel)`,
    );
  };
  const get: Driver["get"] = (name, ...args) => {
    const out: (number | bigint | null)[] = [null];
    call(name, out, ...args);
    return Number(out[0]);
  };
  const initialized = code("cuInit", 0);
  if (initialized !== 0) {
    throw new CudaUnavailableError(
      initialized === noDevice
        ? `${path} finds no GPU (CUDA_VISIBLE_DEVICES hides them all, or there is none)`
        : `cuInit of ${path}: ${describe(initialized)}`,
    );
  }
  loaded = { path, version: get("cuDriverGetVersion"), call, get, code };
  return loaded;
}
