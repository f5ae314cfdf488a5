export { adviseHugePages, type HugePages } from "../native-memory.ts";
export { openWasmBackend, threadCount, type WasmBackend, type WasmOptions } from "./backend.ts";
export { type BlasChoice, chooseBlas, describeBlas, findOpenBlas } from "./blas.ts";
export { type KernelModule, loadKernels } from "./kernel-module.ts";
