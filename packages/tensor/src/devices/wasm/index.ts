export { openWasmBackend, threadCount, type WasmBackend, type WasmOptions } from "./backend.ts";
export { type KernelModule, loadKernels } from "./kernel-module.ts";
