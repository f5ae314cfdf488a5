export { type CudaBackend, type CudaOptions, openCudaBackend } from "./backend.ts";
export type { Precision } from "./cublas-lt.ts";
export { countGpus, type Gpu, openGpu } from "./gpu.ts";
export { CudaUnavailableError, type FoundLibrary, type LibraryName, libraryNames, loadLibrary } from "./libraries.ts";
export { kernelCacheDirectory, kernelFiles, kernelSource } from "./nvrtc.ts";
export type { KernelTimes } from "./profile.ts";
