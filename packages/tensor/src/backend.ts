import type { DType, FloatDType, HostData, TensorData } from "./dtype.ts";
import type { KernelArguments, KernelName } from "./kernels/index.ts";

/** Device memory. Opaque: only the backend that made it knows what is behind it. */
export interface BufferHandle {
  readonly byteLength: number;
}

/** A recorded sequence of kernels that a backend replays with one call. */
export interface Graph {
  readonly kernelCount: number;
}

/** What a run must remember to be resumed bit for bit, and what `doctor` prints. */
export interface BackendDescription {
  readonly kind: string;
  readonly threads: number;
  /** Which implementation multiplies matrices, e.g. "wasm simd", "wasm simd revectorized", "OpenBLAS 0.3.21". */
  readonly matmul: string;
  /** FLOP/s of dense products in the type that they are computed in, by the maker's data sheet, where it is known. */
  readonly peakFlops?: number;
}

export interface BackendStats {
  /** Bytes that `alloc` has given and `free` has not taken back. */
  readonly allocatedBytes: number;
  /** Bytes the backend holds in all (for WASM the size of its memory). */
  readonly reservedBytes: number;
}

/**
 * The contract of a backend. Everything but `read` and `close` returns at once: kernels and writes are put into one
 * queue and run in order. `read` is the only place to wait.
 */
export interface Backend {
  readonly description: BackendDescription;
  /** Bytes that this backend stores for an element. */
  readonly bytesPerElement: Readonly<Record<DType, number>>;
  /** What activations are stored in: kernels of this backend take it wherever the table of kernels has floating-point buffers. */
  readonly activations: FloatDType;
  /** Elements that a temporary of an operation that works by blocks should have: as many as a cache holds, or as keep a GPU busy. */
  readonly blockElements: number;
  /** Most rows for which it has the kernels of `fusedKernels`, whose matrices have sizes of multiples of 8; 0 or absent: it lacks them. */
  readonly fusedRows?: number;
  /** It has the kernels of `fp8KernelNames`, and products with fp8e4m3 weights. */
  readonly fp8?: boolean;
  /**
   * Throws {@link OutOfMemoryError} where there is no room. Contents are undefined. `dtype` (default f32) is what kernels will find in
   * the buffer: a handle carries it, so that a backend that has kernels for several picks the right one.
   */
  alloc(byteLength: number, label: string, dtype?: DType): BufferHandle;
  /** A part of a buffer, freed with it. byteOffset is a multiple of 64. */
  slice(buffer: BufferHandle, byteOffset: number, byteLength: number, dtype?: DType): BufferHandle;
  /** Takes a buffer back once what is queued before has run. Using it afterwards throws. */
  free(buffer: BufferHandle): void;
  /** Enqueues a copy from the host, converting to dtype (not fp8e4m3). The data is taken at the call: the caller may change it at once. */
  write(buffer: BufferHandle, dtype: DType, data: HostData): void;
  enqueue<K extends KernelName>(kernel: K, args: KernelArguments<K, BufferHandle>): void;
  /** Waits for all that is queued before and resolves to `length` elements (bf16 as f32). Rejects if the device failed. */
  read(buffer: BufferHandle, dtype: DType, length: number): Promise<TensorData>;
  /**
   * The memory behind a buffer, on devices whose memory is the host's: blocks the thread until all that is queued before has run.
   * What is written into it is seen by what is enqueued later. Valid until the next call. Only collectives of CPU ranks use it;
   * a device with an ordered queue of its own (CUDA) has none, and brings collectives that are enqueued.
   */
  hostView?(buffer: BufferHandle, dtype: DType, length: number): TensorData;
  /** Records the kernels that `record` enqueues instead of running them. Writes and reads inside throw. */
  capture(record: () => void): Graph;
  /** Enqueues all kernels of a graph, on the same buffers as when it was captured. */
  launch(graph: Graph): void;
  stats(): BackendStats;
  close(): Promise<void>;
}

/** The device has no room for an allocation. */
export class OutOfMemoryError extends Error {
  override name = "OutOfMemoryError";
}

/** The device is gone (a worker thread died, a driver failed): nothing queued on it will finish. */
export class DeviceLostError extends Error {
  override name = "DeviceLostError";
}
