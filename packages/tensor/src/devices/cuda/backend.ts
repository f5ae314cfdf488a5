import { type Backend, type BufferHandle, DeviceLostError, type Graph, OutOfMemoryError } from "../../backend.ts";
import { bytesPerElement, type DType, type HostData, type TensorData } from "../../dtype.ts";
import {
  checkFp8Operand,
  type FusedKernelName,
  type KernelArguments,
  type KernelName,
  kernels as kernelTable,
} from "../../kernels/index.ts";
import { bfloat16ToFloat32, float32ToBfloat16 } from "../../safetensors/convert.ts";
import { Allocator } from "../allocator.ts";
import { CudaBuffer, type OpenBuffer, type Root } from "./buffers.ts";
import { openCublasLt, type Precision } from "./cublas-lt.ts";
import { type Handle, notReady } from "./driver.ts";
import { describeGpu, type Gpu, openGpu, peakFlopsOf } from "./gpu.ts";
import { allocPinned, createStaging, noTiming, type PinnedBuffer, waitForStream } from "./host-memory.ts";
import { createLauncher } from "./launcher.ts";
import { attentionLaunches } from "./launches/attention.ts";
import { decodeLaunches, fusedWeights, mostFusedRows } from "./launches/decode.ts";
import { elementwiseLaunches } from "./launches/elementwise.ts";
import { fp8Launches } from "./launches/fp8.ts";
import type { Launches } from "./launches/launch.ts";
import { moeLaunches } from "./launches/moe.ts";
import { normLaunches } from "./launches/norms.ts";
import { optimizerLaunches } from "./launches/optimizers.ts";
import { reductionLaunches } from "./launches/reductions.ts";
import { type CapturedRoots, createProducts, type GemmBuffers, type GroupedBuffers } from "./products.ts";
import type { Fp8Counts } from "./products-fp8.ts";
import { type KernelTimes, type Profile, startProfile } from "./profile.ts";

/** Options of {@link openCudaBackend}. */
export interface CudaOptions {
  /** Which of the visible GPUs. Default 0. */
  readonly ordinal?: number;
  /** What matrix products are computed in. Default "bf16". */
  readonly precision?: Precision;
}

/** The CUDA backend, with what benchmarks need beside the contract. */
export interface CudaBackend extends Backend {
  readonly gpu: Gpu;
  /** How products of many rows with fp8e4m3 weights were made. */
  readonly fp8Products: Readonly<Fp8Counts>;
  /** Milliseconds on the device of what `work` enqueues, between two events. Waits. */
  time(work: () => void): Promise<number>;
  /** Enqueues a copy of the first bytes of one buffer to another, by the driver: what the card's memory can do. */
  copy(from: BufferHandle, to: BufferHandle, byteLength: number): void;
  /** Runs `work` and resolves to the device's time by kernel: of the table's kernels, with their shapes where `detail` says so. */
  profile(
    work: () => void,
    detail?: (kernel: KernelName, args: Readonly<Record<string, unknown>>) => string,
  ): Promise<KernelTimes>;
  /** The same by CUDA function, of kernels of our own: a kernel of the table may launch several. */
  profileFunctions(work: () => void): Promise<KernelTimes>;
  /**
   * Enqueues what another library does on the stream. `call` is given the buffers as they lie on the device, in order, and the stream. Within a
   * capture it becomes part of the graph.
   */
  foreign(use: string, buffers: ForeignBuffers, call: (ranges: readonly DeviceRange[], stream: Handle) => void): void;
  /** From now on `watch` is called at these moments, and what it throws ends the call that was made or waits. */
  guard(watch: ((moment: GuardMoment) => void) | null): void;
  /**
   * Puts a mark behind what is enqueued; null while a graph is captured. The function says whether the device has come to it; from then on it
   * always does.
   */
  mark(): (() => boolean) | null;
  /** Ends all graphs that were captured: work of another library in them must go before that library's own objects. */
  releaseGraphs(): void;
}

/** Buffers of another library's work, and which of them it writes. */
export interface ForeignBuffers {
  readonly all: readonly BufferHandle[];
  readonly written: readonly BufferHandle[];
}

/** Where a buffer lies on the device, and what it holds. */
export type DeviceRange = Pick<OpenBuffer, "address" | "byteLength" | "dtype">;

/** Something is about to be enqueued; a graph was launched; the host waits; the device was just lost. */
export type GuardMoment = "before" | "launched" | "waiting" | "lost";

/** The CUDA backend of a device. @throws Error for another device */
export function cudaBackendOf({ backend }: { readonly backend: Backend }): CudaBackend {
  if ("foreign" in backend && "gpu" in backend) return backend as CudaBackend;
  throw new Error(`the ${backend.description.kind} device is no CUDA device`);
}

const launches: Omit<Launches<KernelName>, "gemm"> = {
  ...decodeLaunches,
  ...elementwiseLaunches,
  ...normLaunches,
  ...attentionLaunches,
  ...reductionLaunches,
  ...moeLaunches,
  ...optimizerLaunches,
  ...fp8Launches,
};

/** The buffers that each kernel writes. */
const writtenBy = Object.fromEntries(
  Object.entries(kernelTable).map(([kernel, parameters]) => [
    kernel,
    Object.entries(parameters)
      .filter(([, kind]) => kind.includes("out"))
      .map(([name]) => name),
  ]),
) as unknown as Readonly<Record<KernelName, readonly string[]>>;

const scratchBytes = 64 << 20;
const workspaceBytes = 64 << 20;
const growBytes = 32 << 20;
const captureRelaxed = 2;

/**
 * An NVIDIA GPU through the driver's API: one stream, kernels compiled for the chip, dense products by cuBLASLt. Memory that is freed is
 * reused in the order of the stream, so that nothing waits.
 *
 * @throws CudaUnavailableError where the machine has no driver, GPU, NVRTC or cuBLASLt, saying how to get it.
 */
export async function openCudaBackend(options: CudaOptions = {}): Promise<CudaBackend> {
  const precision = options.precision ?? "bf16";
  const gpu = openGpu(options.ordinal ?? 0);
  const { driver } = gpu;
  const owner = {};
  const stream = driver.get("cuStreamCreate", 1);
  const own: number[] = [];
  const reserve = (bytes: number) => {
    const address = driver.get("cuMemAlloc", bytes);
    own.push(address);
    return address;
  };
  let reservedBytes = scratchBytes + workspaceBytes;
  const launcher = createLauncher({ driver, chip: gpu.chip, stream, scratch: reserve(scratchBytes), scratchBytes });
  const blas = openCublasLt(precision, reserve(workspaceBytes), workspaceBytes);
  const staging = createStaging(driver, stream);
  const pinned: PinnedBuffer[] = [];
  const graphs = new WeakMap<Graph, { executable: number; roots: CapturedRoots }>();
  const executables = new Set<Handle>();
  let watching: ((moment: GuardMoment) => void) | null = null;
  const checkWait = () => watching?.("waiting");
  const allocator = new Allocator(
    `${gpu.name} has ${gibibytes(gpu.totalBytes)}. Use a smaller batch or model, recomputed activations, or more GPUs`,
    (bytes) => {
      const wanted = Math.ceil((bytes + 64) / growBytes) * growBytes;
      try {
        const start = reserve(wanted);
        reservedBytes += wanted;
        // Not to the end, so that two allocations are never taken for one.
        return { start, end: start + wanted - 64 };
      } catch (error) {
        if (error instanceof OutOfMemoryError) return null;
        throw error;
      }
    },
  );
  const products = createProducts(launcher, blas, allocator);
  const peakFlops = precision === "bf16" ? peakFlopsOf(gpu.name) : undefined;
  /** Kernels enqueued within the capture under way, −1 outside of one. */
  let captured = -1;
  let profile: Profile | null = null;
  let detailOf = (kernel: KernelName, _args: Readonly<Record<string, unknown>>): string => kernel;
  let closed = false;
  let lost: string | null = null;

  function checkUsable(use: string): void {
    if (closed) throw new Error(`${use}: the device is closed`);
    watching?.("before");
    if (lost) throw new DeviceLostError(`${use}: ${lost}`);
  }

  /** Remembers why the device was lost: after an error of a kernel every further call fails, and the first message tells most. */
  function noteLoss(error: unknown): void {
    if (!(error instanceof DeviceLostError) || lost) return;
    lost = error.message;
    watching?.("lost");
  }

  function guarded<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      noteLoss(error);
      throw error;
    }
  }

  /** Runs a kernel on opened buffers, and notes which of them it writes. */
  function run<K extends KernelName>(
    kernel: K,
    args: KernelArguments<K, number>,
    buffers: Readonly<Record<string, OpenBuffer>>,
  ): void {
    const weights = kernel in fusedWeights ? fusedWeights[kernel as FusedKernelName] : [];
    const { conversions } = products;
    const { overlappedLaunches } = launcher;
    const readable = weights.every((name) => !buffers[name] || !products.recent.has(buffers[name].root));
    const given = weights.length === 0 ? args : { ...args, ...inBf16(weights, buffers) };
    launcher.setTypes(
      Object.keys(buffers).filter((name) => buffers[name].dtype === "bf16" && !weights.includes(name)),
      readable && products.conversions === conversions,
      weights.filter((name) => buffers[name]?.dtype === "fp8e4m3"),
    );
    if (kernel === "gemm") {
      products.multiply(args as KernelArguments<"gemm", number>, buffers as unknown as GemmBuffers);
    } else if (
      kernel !== "groupedGemm" ||
      !products.multiplyGrouped(args as KernelArguments<"groupedGemm", number>, buffers as unknown as GroupedBuffers)
    )
      (launches as unknown as Launches<K>)[kernel](given, launcher);
    // A kernel that is not overlapped begins when all before it have ended.
    if (launcher.overlappedLaunches === overlappedLaunches) products.recent.clear();
    for (const name of writtenBy[kernel]) {
      const root = buffers[name]?.root;
      if (!root) continue;
      noteWrite(root);
      products.recent.add(root);
    }
  }

  /** Addresses of weights in bf16, by name; those in e4m3 are read as they are. */
  function inBf16(names: readonly string[], buffers: Readonly<Record<string, OpenBuffer>>): Record<string, number> {
    return Object.fromEntries(
      names.flatMap((name, slot) =>
        buffers[name] && buffers[name].dtype !== "fp8e4m3" ? [[name, products.bf16Of(buffers[name], slot)]] : [],
      ),
    );
  }

  function noteWrite(root: Root): void {
    if (products.captured) products.captured.written.add(root);
    else if (root.shadow) root.shadow.valid = false;
  }

  /** Converts values to a dtype within pinned memory and enqueues their copy, a segment at a time. */
  function copyIn(address: number, dtype: DType, data: HostData): void {
    const size = bytesPerElement[dtype];
    const step = staging.largest / size;
    for (let from = 0; from < data.length; from += step) {
      const count = Math.min(step, data.length - from);
      const part = from === 0 && count === data.length ? data : data.slice(from, from + count);
      const place = staging.take(count * size);
      if (dtype === "f32") new Float32Array(place.bytes, place.offset, count).set(part);
      else if (dtype === "i32") new Int32Array(place.bytes, place.offset, count).set(part);
      else new Uint16Array(place.bytes, place.offset, count).set(float32ToBfloat16(Float32Array.from(part)));
      driver.call("cuMemcpyHtoDAsync", address + from * size, place.address, count * size, stream);
    }
  }

  /** Pinned memory for a read: kept for the next where it is small. */
  function takePinned(byteLength: number): PinnedBuffer {
    const at = pinned.findIndex(({ bytes }) => bytes.byteLength >= byteLength);
    if (at >= 0) return pinned.splice(at, 1)[0];
    return allocPinned(driver, Math.max(65536, 2 ** Math.ceil(Math.log2(byteLength))));
  }

  function givePinned(buffer: PinnedBuffer): void {
    if (buffer.bytes.byteLength <= 64 << 20) pinned.push(buffer);
    else driver.code("cuMemFreeHost", buffer.address);
  }

  const backend: CudaBackend = {
    gpu,
    fp8Products: products.fp8,
    activations: precision === "bf16" ? "bf16" : "f32",
    blockElements: 128 << 20,
    fusedRows: precision === "bf16" ? mostFusedRows : 0,
    fp8: true,
    description: {
      kind: "cuda",
      threads: 1,
      matmul: `cuBLASLt ${blas.version}, ${precision}, ${describeGpu(gpu)}`,
      ...(peakFlops === undefined ? {} : { peakFlops }),
    },
    bytesPerElement,
    alloc(byteLength, label, dtype = "f32") {
      checkUsable("alloc");
      const address = guarded(() => allocator.alloc(byteLength, label));
      const root: Root = { owner, address, byteLength, freed: false, shadow: null };
      return new CudaBuffer({ address, byteLength, dtype, root });
    },
    slice(buffer, byteOffset, byteLength, dtype = "f32") {
      const { address, root } = CudaBuffer.open(buffer, owner, "slice");
      if (byteOffset % 64 !== 0 || byteOffset + byteLength > buffer.byteLength) {
        throw new Error(
          `slice: bytes ${byteOffset} … ${byteOffset + byteLength} of a buffer of ${buffer.byteLength} (offsets are multiples of 64)`,
        );
      }
      return new CudaBuffer({ address: address + byteOffset, byteLength, dtype, root });
    },
    free(buffer) {
      const { address, root } = CudaBuffer.open(buffer, owner, "free");
      root.freed = true;
      if (closed) return;
      products.dropShadow(root);
      allocator.free(address, buffer.byteLength);
    },
    write(buffer, dtype, data) {
      if (captured >= 0) throw new Error("write: not allowed while a graph is captured");
      if (dtype === "fp8e4m3") throw new Error("write: fp8e4m3 is written by quantizeInto or storeBlocks");
      checkUsable("write");
      const { address, root } = CudaBuffer.open(buffer, owner, "write");
      if (data.length * bytesPerElement[dtype] > buffer.byteLength) {
        throw new Error(`write: ${data.length} ${dtype} values into a buffer of ${buffer.byteLength} bytes`);
      }
      guarded(() => copyIn(address, dtype, data));
      noteWrite(root);
    },
    enqueue<K extends KernelName>(kernel: K, args: KernelArguments<K, BufferHandle>) {
      checkUsable(kernel);
      if (captured >= 0) captured++;
      const resolved: Record<string, number> = {};
      const buffers: Record<string, OpenBuffer> = {};
      for (const name in kernelTable[kernel]) {
        const value = args[name as unknown as keyof typeof args] as BufferHandle | number | null;
        if (typeof value === "number") resolved[name] = value;
        else if (value === null) resolved[name] = 0;
        else {
          buffers[name] = CudaBuffer.open(value, owner, `${kernel}: ${name}`);
          checkFp8Operand(kernel, name, buffers[name].dtype);
          resolved[name] = buffers[name].address;
        }
      }
      guarded(() => run(kernel, resolved as unknown as KernelArguments<K, number>, buffers));
      if (profile) profile.mark(detailOf(kernel, args as Readonly<Record<string, unknown>>));
    },
    async read(buffer: BufferHandle, dtype: DType, length: number): Promise<TensorData> {
      if (captured >= 0) throw new Error("read: not allowed while a graph is captured");
      if (dtype === "fp8e4m3") throw new Error("read: fp8e4m3 is read by way of dequantize");
      checkUsable("read");
      const { address } = CudaBuffer.open(buffer, owner, "read");
      const bytes = length * bytesPerElement[dtype];
      if (bytes > buffer.byteLength) {
        throw new Error(`read: ${length} ${dtype} values of a buffer of ${buffer.byteLength} bytes`);
      }
      if (length === 0) return dtype === "i32" ? new Int32Array(0) : new Float32Array(0);
      const host = guarded(() => takePinned(bytes));
      // A copy that is given up may still be under way: its memory is not used again.
      let arrived = false;
      try {
        driver.call("cuMemcpyDtoHAsync", host.address, address, bytes, stream);
        await waitForStream(driver, stream, checkWait);
        arrived = true;
        if (dtype === "i32") return new Int32Array(host.bytes, 0, length).slice();
        if (dtype === "f32") return new Float32Array(host.bytes, 0, length).slice();
        return bfloat16ToFloat32(new Uint16Array(host.bytes, 0, length).slice());
      } catch (error) {
        noteLoss(error);
        throw error;
      } finally {
        if (arrived) givePinned(host);
      }
    },
    capture(record) {
      checkUsable("capture");
      if (captured >= 0) throw new Error("capture: a graph is being captured already");
      guarded(() => driver.call("cuStreamBeginCapture", stream, captureRelaxed));
      captured = 0;
      const roots = { read: new Set<Root>(), written: new Set<Root>() };
      products.captured = roots;
      const out: (number | bigint)[] = [0];
      let kernelCount = 0;
      let code = 0;
      try {
        record();
      } finally {
        kernelCount = captured;
        captured = -1;
        products.captured = null;
        code = driver.code("cuStreamEndCapture", stream, out);
      }
      if (code !== 0) throw new Error(`capture: the stream's capture was broken off (error ${code})`);
      const executable = guarded(() => driver.get("cuGraphInstantiate", Number(out[0]), 0));
      driver.code("cuGraphDestroy", Number(out[0]));
      executables.add(executable);
      const graph: Graph = { kernelCount };
      graphs.set(graph, { executable, roots });
      return graph;
    },
    launch(graph) {
      checkUsable("launch");
      const found = graphs.get(graph);
      if (!found) throw new Error("launch: the graph belongs to another backend");
      if (!executables.has(found.executable)) throw new Error("launch: the graph was released");
      guarded(() => {
        for (const root of found.roots.read) if (!root.shadow?.valid) products.refresh(root);
        driver.call("cuGraphLaunch", found.executable, stream);
      });
      for (const root of found.roots.written) noteWrite(root);
      watching?.("launched");
    },
    foreign(use, { all, written }, call) {
      checkUsable(use);
      if (captured >= 0) captured++;
      const ranges = all.map((buffer) => CudaBuffer.open(buffer, owner, use));
      const roots = written.map((buffer) => CudaBuffer.open(buffer, owner, use).root);
      call(ranges, stream);
      // It begins when all before it has ended.
      products.recent.clear();
      for (const root of roots) {
        noteWrite(root);
        products.recent.add(root);
      }
    },
    guard(watch) {
      watching = watch;
    },
    mark() {
      if (captured >= 0) return null;
      const event = driver.get("cuEventCreate", noTiming);
      driver.call("cuEventRecord", event, stream);
      let passed = false;
      return () => {
        if (passed || driver.code("cuEventQuery", event) === notReady) return passed;
        driver.code("cuEventDestroy", event);
        passed = true;
        return true;
      };
    },
    releaseGraphs() {
      for (const executable of executables) driver.code("cuGraphExecDestroy", executable);
      executables.clear();
    },
    stats: () => ({ allocatedBytes: allocator.allocatedBytes, reservedBytes }),
    async time(work) {
      const [start, end] = [0, 1].map(() => driver.get("cuEventCreate", 0));
      driver.call("cuEventRecord", start, stream);
      work();
      driver.call("cuEventRecord", end, stream);
      await waitForStream(driver, stream, checkWait);
      const out = [0];
      driver.call("cuEventElapsedTime", out, start, end);
      driver.code("cuEventDestroy", start);
      driver.code("cuEventDestroy", end);
      return out[0];
    },
    copy(from, to, byteLength) {
      const [source, target] = [from, to].map((buffer) => CudaBuffer.open(buffer, owner, "copy"));
      if (byteLength > Math.min(from.byteLength, to.byteLength)) {
        throw new Error(`copy: ${byteLength} bytes of ${from.byteLength} into ${to.byteLength}`);
      }
      guarded(() => driver.call("cuMemcpyDtoDAsync", target.address, source.address, byteLength, stream));
      noteWrite(target.root);
    },
    async profile(work, detail = (kernel) => kernel) {
      profile = startProfile(driver, stream);
      detailOf = detail;
      try {
        work();
        return await profile.finish();
      } finally {
        profile = null;
      }
    },
    async profileFunctions(work) {
      const own = startProfile(driver, stream);
      launcher.observe(own.mark);
      try {
        work();
        return await own.finish();
      } finally {
        launcher.observe(null);
      }
    },
    async close() {
      if (closed) return;
      closed = true;
      driver.code("cuStreamSynchronize", stream);
      backend.releaseGraphs();
      blas.close();
      staging[Symbol.dispose]();
      for (const { address } of pinned) driver.code("cuMemFreeHost", address);
      launcher[Symbol.dispose]();
      for (const address of own) driver.code("cuMemFree", address);
      driver.code("cuStreamDestroy", stream);
      gpu.release();
    },
  };
  return backend;
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
