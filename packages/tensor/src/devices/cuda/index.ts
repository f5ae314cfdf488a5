export {
  type CudaBackend,
  type CudaOptions,
  cudaBackendOf,
  type DeviceRange,
  type ForeignBuffers,
  type GuardMoment,
  openCudaBackend,
} from "./backend.ts";
export type { Precision } from "./cublas-lt.ts";
export { countGpus, type Gpu, openGpu } from "./gpu.ts";
export { CudaUnavailableError, type FoundLibrary, type LibraryName, libraryNames, loadLibrary } from "./libraries.ts";
export {
  loadNccl,
  type Nccl,
  NcclError,
  type NcclFunctions,
  ncclIdBytes,
  openNccl,
  versionText,
} from "./nccl.ts";
export { type NcclCollectives, type NcclComm, ncclCollectives } from "./nccl-collectives.ts";
export { kernelCacheDirectory, kernelFiles, kernelSource } from "./nvrtc.ts";
export type { KernelTimes } from "./profile.ts";
