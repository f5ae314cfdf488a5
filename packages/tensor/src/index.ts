export { Arena, alignment } from "./arena.ts";
export { backward, noGrad, record, type Sink, zeroGrad } from "./autograd.ts";
export {
  type Backend,
  type BackendDescription,
  type BackendStats,
  type BufferHandle,
  DeviceLostError,
  type Graph,
  OutOfMemoryError,
} from "./backend.ts";
export { compressForBackward } from "./compress.ts";
export { createDevice, type Device } from "./device.ts";
export { openCountingBackend } from "./devices/counting.ts";
export {
  type CudaBackend,
  type CudaOptions,
  CudaUnavailableError,
  countGpus,
  cudaBackendOf,
  type DeviceRange,
  type ForeignBuffers,
  type Gpu,
  type GuardMoment,
  type KernelTimes,
  kernelCacheDirectory,
  kernelFiles,
  kernelSource,
  type LibraryName,
  libraryNames,
  loadLibrary,
  loadNccl,
  type Nccl,
  type NcclCollectives,
  type NcclComm,
  NcclError,
  type NcclFunctions,
  ncclCollectives,
  ncclIdBytes,
  openCudaBackend,
  openGpu,
  openNccl,
  type Precision,
  versionText,
} from "./devices/cuda/index.ts";
export { endProcessIn } from "./devices/last-resort.ts";
export { type RecordingBackend, recordBackend } from "./devices/recording.ts";
export { openReferenceBackend } from "./devices/reference/index.ts";
export {
  adviseHugePages,
  type BlasChoice,
  chooseBlas,
  describeBlas,
  findOpenBlas,
  type HugePages,
  loadKernels,
  openWasmBackend,
  threadCount,
  type WasmBackend,
  type WasmOptions,
} from "./devices/wasm/index.ts";
export {
  bytesPerElement,
  type DType,
  type FloatDType,
  type HostData,
  type MatrixDType,
  type TensorData,
} from "./dtype.ts";
export { fp8Block, fp8Layout, scalePitch, storageBytes } from "./fp8-layout.ts";
export {
  binaryOps,
  fp8KernelNames,
  fp8Operands,
  fusedKernels,
  type KernelArguments,
  type KernelName,
  kernels,
  reduceOps,
  unaryOps,
} from "./kernels/index.ts";
export { type DeviceName, type DeviceOptions, type DevicePrecision, deviceNames, openDevice } from "./open-device.ts";
export { type AttentionOptions, attention } from "./ops/attention.ts";
export { add, divide, maximum, minimum, multiply, subtract } from "./ops/binary.ts";
export { binaryCrossEntropy } from "./ops/binary-cross-entropy.ts";
export { cast } from "./ops/cast.ts";
export { floatOf } from "./ops/check.ts";
export { type CrossEntropyOptions, crossEntropy, linearCrossEntropy } from "./ops/cross-entropy.ts";
export {
  downProducts,
  latentInputs,
  linearAdd,
  normProducts,
  pagedLatentValues,
  routedGates,
} from "./ops/decode.ts";
export { dropout } from "./ops/dropout.ts";
export { embedding } from "./ops/embedding.ts";
export { expand } from "./ops/expand.ts";
export {
  type BlockPlace,
  dequantize,
  quantizeFrom,
  quantizeInto,
  quantizeTiles,
  storeBlocks,
} from "./ops/fp8.ts";
export { gather } from "./ops/gather.ts";
export { groupedMatmul } from "./ops/grouped-matmul.ts";
export { type PagedContext, pagedLatentAttention, writeLatentCache } from "./ops/latent-cache.ts";
export { layerNorm } from "./ops/layer-norm.ts";
export { concatenate, reshape, slice, split } from "./ops/layout.ts";
export { headMatmul, linear, type MatmulOptions, matmul } from "./ops/matmul.ts";
export { type ExpertOrder, permute, sortByExpert, unpermute } from "./ops/permute.ts";
export { max, mean, min, type ReduceOptions, sum } from "./ops/reduce.ts";
export { rmsNorm } from "./ops/rms-norm.ts";
export { type RopeTables, rope } from "./ops/rope.ts";
export { type RouteOptions, type Routing, route } from "./ops/route.ts";
export { softmax } from "./ops/softmax.ts";
export { maxInto } from "./ops/statistics.ts";
export { swiglu } from "./ops/swiglu.ts";
export { gelu, sigmoid, unary } from "./ops/unary.ts";
export { normal, philox4x32, uniform } from "./philox.ts";
export { checkpoint, recompute } from "./recompute.ts";
export * from "./safetensors/index.ts";
export { scope } from "./scope.ts";
export { formatShape, type Shape, sameShape, sizeOf } from "./shape.ts";
export { empty, fill, full, parameter, part, persistent, Tensor, tensor } from "./tensor.ts";
