import { availableParallelism } from "node:os";
import { type Backend, type BufferHandle, DeviceLostError, type Graph } from "../../backend.ts";
import { bytesPerElement, type DType, type HostData, type TensorData } from "../../dtype.ts";
import {
  checkFp8Operand,
  fusedKernels,
  type KernelArguments,
  type KernelName,
  kernels as kernelTable,
} from "../../kernels/index.ts";
import { bfloat16ToFloat32, float32ToBfloat16 } from "../../safetensors/convert.ts";
import { Allocator, mebibytes } from "../allocator.ts";
import { adviseHugePages } from "../native-memory.ts";
import { chooseBlas, describeBlas } from "./blas.ts";
import { commands, controlWords } from "./control.ts";
import { loadKernels } from "./kernel-module.ts";
import { startPool } from "./pool.ts";
import { fp8Variants } from "./variants.ts";

/** Options of {@link openWasmBackend}. */
export interface WasmOptions {
  /** Threads that compute. Default BALTORO_THREADS, else one per processor. */
  readonly threads?: number;
  /** Most bytes of memory, up to 4 GiB. Default BALTORO_MEMORY_MIB, else 4 GiB. */
  readonly maxMemoryBytes?: number;
}

/** The WASM backend, with what only tests need. */
export interface WasmBackend extends Backend {
  /** Ends a thread as a crash would. */
  killThread(thread: number): Promise<void>;
  /** Holds the host up until the queue is empty: for profilers, which time one kernel after the other. */
  drain(): void;
}

const pageBytes = 65536;
const ringWords = 1 << 20;
const scratchBytesPerThread = 4 << 20;
const controlBase = pageBytes;
const ringBase = controlBase + pageBytes;
const scratchBase = ringBase + 4 * ringWords;
/** attentionForward and attentionBackward keep rows of logits of this length in a thread's scratch. */
const longestSequence = 16384;

/**
 * Graphs whose kernels have fewer multiplications than this on average count as small: when threads have to wait for one another,
 * one of them runs the graph alone. Decoding one sequence of a small model is the case (docs/decisions/0002-wasm-device.md).
 */
const leastSharedWork = 1e6;

const ownKernels = (Object.keys(kernelTable) as KernelName[]).filter(
  (name) => !(fusedKernels as readonly string[]).includes(name),
);
/** The table's kernels as they are numbered in the module, and behind them those that have a variant. */
const kernelNames: readonly KernelName[] = [...ownKernels, ...(Object.keys(fp8Variants) as KernelName[])];
const kernelIndex = new Map<string, number>([
  ...ownKernels.map((name, i) => [name, i] as const),
  ...Object.values(fp8Variants).map((name, i) => [name, ownKernels.length + i] as const),
]);
const fieldsOf = kernelNames.map((name) => Object.keys(kernelTable[name]));

/** Multiplications of the recorded command at word `at`: those of matrix products, which are nearly all. */
function multiplicationsOf(list: readonly number[], at: number): number {
  const kernel = list[at] & 0xffff;
  const field = (name: string) => {
    const index = fieldsOf[kernel].indexOf(name);
    return index < 0 ? 1 : list[at + 1 + index];
  };
  if (kernelNames[kernel] === "gemm") return field("batch") * field("m") * field("n") * field("k");
  if (kernelNames[kernel] === "groupedGemm") return field("rows") * field("n") * field("k");
  return 0;
}

/** Address range in the linear memory. Kept in private fields: a handle shows its length only. */
class WasmBuffer implements BufferHandle {
  readonly byteLength: number;
  readonly #address: number;
  readonly #root: { freed: boolean };
  readonly #dtype: DType;

  constructor(byteLength: number, address: number, root: { freed: boolean }, dtype: DType) {
    this.byteLength = byteLength;
    this.#address = address;
    this.#root = root;
    this.#dtype = dtype;
  }

  static open(buffer: BufferHandle, use: string): { address: number; root: { freed: boolean }; dtype: DType } {
    if (!(buffer instanceof WasmBuffer)) throw new Error(`${use}: the buffer belongs to another backend`);
    if (buffer.#root.freed) throw new Error(`${use}: the buffer of ${buffer.byteLength} bytes was freed`);
    return { address: buffer.#address, root: buffer.#root, dtype: buffer.#dtype };
  }
}

/** What the variants for fp8e4m3 weights take: one dense matrix in rows along the inner dimension, or experts' of that kind. */
function checkVariant(kernel: KernelName, args: Readonly<Record<string, unknown>>): void {
  const { transposeA, transposeB, transposeW, batch, ldb, k } = args;
  const fits = kernel === "gemm" ? !transposeA && transposeB && batch === 1 && ldb === k : transposeW;
  if (!fits)
    throw new Error(`${kernel}: fp8e4m3 weights must be transposed and dense on the WASM device: dequantize them`);
}

/** Number of threads asked for. @throws on anything that is no whole number from 1 to 64. */
export function threadCount(asked?: number): number {
  const value = asked ?? Number(process.env["BALTORO_THREADS"] ?? Math.min(availableParallelism(), 64));
  if (!Number.isInteger(value) || value < 1 || value > 64) {
    throw new Error(
      `BALTORO_THREADS is ${asked ?? process.env["BALTORO_THREADS"]}, expected a whole number from 1 to 64`,
    );
  }
  return value;
}

/** Most bytes that the environment allows. @throws on anything that is no number of MiB from 32 to 4096. */
function memoryLimit(): number {
  const value = Number(process.env["BALTORO_MEMORY_MIB"] ?? 4096);
  if (!(value >= 32 && value <= 4096))
    throw new Error(`BALTORO_MEMORY_MIB is ${process.env["BALTORO_MEMORY_MIB"]}, expected a number from 32 to 4096`);
  return value * 2 ** 20;
}

/**
 * The CPU backend: AssemblyScript kernels on one shared memory, run by a pool of threads that walk a queue in that memory.
 * The host only writes commands. It holds 4 GiB at most.
 */
export async function openWasmBackend(options: WasmOptions = {}): Promise<WasmBackend> {
  const threads = threadCount(options.threads);
  const maximum = Math.min(Math.floor((options.maxMemoryBytes ?? memoryLimit()) / pageBytes), 65536);
  const { module, revectorized } = loadKernels();
  const blas = chooseBlas().path;
  const heapBase = scratchBase + threads * scratchBytesPerThread;
  const memory = new WebAssembly.Memory({
    initial: Math.ceil(heapBase / pageBytes),
    maximum: Math.max(maximum, Math.ceil(heapBase / pageBytes)),
    shared: true,
  });
  adviseHugePages(memory, maximum * pageBytes);
  let words = new Int32Array(memory.buffer);
  let floats = new Float32Array(memory.buffer);
  const control = controlBase / 4;

  const refusal = `the WASM device holds ${mebibytes(maximum * pageBytes)} at most. Use a smaller batch or model, recomputed activations, or the CUDA device`;
  const grow = (bytes: number) => {
    const now = memory.buffer.byteLength / pageBytes;
    // Growing is slow: at least 16 MiB, or an eighth of what there is.
    const wanted = Math.max(Math.ceil(bytes / pageBytes), 256, Math.ceil(now / 8));
    const pages = Math.min(wanted, maximum - now);
    if (pages * pageBytes < bytes) return null;
    try {
      memory.grow(pages);
    } catch {
      return null;
    }
    words = new Int32Array(memory.buffer);
    floats = new Float32Array(memory.buffer);
    return { start: now * pageBytes, end: (now + pages) * pageBytes };
  };
  const allocator = new Allocator(refusal, grow);
  /**
   * Memory that the host writes while the queue is busy. It has addresses of its own: a tensor that was given back may still be used
   * by what waits in the queue, and only what goes through the queue itself may take its place.
   */
  const staging = new Allocator(refusal, grow);

  let lost: string | null = null;
  let closed = false;
  let tail = 0;
  let fence = 0;
  let recording: number[] | null = null;
  const graphs = new WeakMap<Graph, { address: number; words: number; command: number }>();
  /** Host writes that wait for their turn, freed once their fence has passed. */
  let staged: { fence: number; address: number; bytes: number }[] = [];
  const pool = await startPool(
    {
      module,
      memory,
      control: controlBase,
      ring: ringBase,
      ringMask: ringWords - 1,
      scratchBase,
      tileWidth: revectorized ? 16 : 8,
      blas,
      threads,
    },
    (reason) => {
      lost ??= reason;
    },
  );

  function checkUsable(use: string): void {
    if (closed) throw new Error(`${use}: the device is closed`);
    if (lost) throw deviceLost(use);
  }

  function deviceLost(use: string): DeviceLostError {
    return new DeviceLostError(
      `${use}: the WASM device is lost, ${lost}. Restart, and resume from the last checkpoint`,
    );
  }

  /** Publishes one command. Waits only where the ring is full: the threads are a million words behind. */
  function publish(command: number, args: ArrayLike<number>): void {
    const count = args.length + 1;
    const room = ringWords - (tail & (ringWords - 1));
    if (room < count) {
      waitForRoom(room);
      words[ringBase / 4 + (tail & (ringWords - 1))] = commands.skip | (room << 16);
      tail = (tail + room) | 0;
    }
    waitForRoom(count);
    const at = ringBase / 4 + (tail & (ringWords - 1));
    words[at] = command | (count << 16);
    for (let i = 0; i < args.length; i++) words[at + 1 + i] = args[i];
    tail = (tail + count) | 0;
    Atomics.store(words, control + controlWords.tail, tail);
    if (Atomics.load(words, control + controlWords.sleepers) > 0) Atomics.notify(words, control + controlWords.tail);
  }

  function waitForRoom(count: number): void {
    while (((tail - Atomics.load(words, control + controlWords.consumed)) >>> 0) + count > ringWords) {
      if (Atomics.load(words, control + controlWords.poison)) throw deviceLost("enqueue");
    }
  }

  function idle(): boolean {
    return Atomics.load(words, control + controlWords.consumed) === tail;
  }

  function placeFence(): number {
    fence = (fence + 1) | 0;
    publish(commands.fence, [fence]);
    return fence;
  }

  async function waitForFence(target: number): Promise<void> {
    pool.hold();
    try {
      for (;;) {
        const done = Atomics.load(words, control + controlWords.done);
        if (((done - target) | 0) >= 0) return;
        if (lost || Atomics.load(words, control + controlWords.poison)) {
          // The thread's own message names the cause; give it a moment to arrive.
          for (let i = 0; i < 50 && !lost; i++) await new Promise((resolve) => setTimeout(resolve, 2));
          lost ??= "a thread died";
          throw deviceLost("read");
        }
        const wait = Atomics.waitAsync(words, control + controlWords.done, done, 1000);
        if (wait.async) await wait.value;
      }
    } finally {
      pool.release();
    }
  }

  /** As {@link waitForFence}, holding the thread up. Messages of dying threads cannot arrive meanwhile: poison tells. */
  function blockOnFence(target: number): void {
    for (let seconds = 0; ; seconds++) {
      const done = Atomics.load(words, control + controlWords.done);
      if (((done - target) | 0) >= 0) return;
      if (lost || Atomics.load(words, control + controlWords.poison)) {
        lost ??= "a thread died";
        throw deviceLost("hostView");
      }
      if (seconds > 600) {
        lost ??= "its threads did not finish within ten minutes";
        throw deviceLost("hostView");
      }
      Atomics.wait(words, control + controlWords.done, done, 1000);
    }
  }

  function collectStaged(): void {
    const done = Atomics.load(words, control + controlWords.done);
    staged = staged.filter((entry) => {
      const passed = ((done - entry.fence) | 0) >= 0;
      if (passed) staging.free(entry.address, entry.bytes);
      return !passed;
    });
  }

  /** Enqueues a write of the host behind what the queue holds; `fill` puts the bytes at the address it is given. */
  function stage(to: number, bytes: number, label: string, fill: (address: number) => void): void {
    collectStaged();
    const from = staging.alloc(bytes, label);
    fill(from);
    publish(commands.copy, [to, from, bytes]);
    staged.push({ fence: placeFence(), address: from, bytes });
  }

  function copyIn(address: number, dtype: DType, data: HostData): void {
    if (dtype === "f32") floats.set(data, address / 4);
    else if (dtype === "i32") words.set(data, address / 4);
    else new Uint16Array(memory.buffer, address, data.length).set(float32ToBfloat16(Float32Array.from(data)));
  }

  const scratchFloat = new Float32Array(1);
  const scratchWord = new Int32Array(scratchFloat.buffer);

  return {
    description: {
      kind: "wasm",
      threads,
      matmul: `${revectorized ? "wasm simd, revectorized" : "wasm simd"}${blas === null ? "" : `, ${describeBlas(blas)}`}`,
    },
    bytesPerElement,
    activations: "f32",
    blockElements: 2 << 20,
    fp8: true,
    alloc(byteLength, label, dtype = "f32") {
      checkUsable("alloc");
      return new WasmBuffer(byteLength, allocator.alloc(byteLength, label), { freed: false }, dtype);
    },
    slice(buffer, byteOffset, byteLength, dtype = "f32") {
      const { address, root } = WasmBuffer.open(buffer, "slice");
      if (byteOffset % 64 !== 0 || byteOffset + byteLength > buffer.byteLength) {
        throw new Error(
          `slice: bytes ${byteOffset} … ${byteOffset + byteLength} of a buffer of ${buffer.byteLength} (offsets are multiples of 64)`,
        );
      }
      return new WasmBuffer(byteLength, address + byteOffset, root, dtype);
    },
    free(buffer) {
      const { address, root } = WasmBuffer.open(buffer, "free");
      root.freed = true;
      allocator.free(address, buffer.byteLength);
    },
    write(buffer, dtype, data) {
      checkUsable("write");
      if (recording) throw new Error("write: not allowed while a graph is captured");
      if (dtype === "fp8e4m3") throw new Error("write: fp8e4m3 is written by quantizeInto or storeBlocks");
      const { address } = WasmBuffer.open(buffer, "write");
      const bytes = data.length * bytesPerElement[dtype];
      if (bytes > buffer.byteLength)
        throw new Error(`write: ${data.length} ${dtype} values into a buffer of ${buffer.byteLength} bytes`);
      if (bytes === 0) return;
      if (idle()) {
        copyIn(address, dtype, data);
        return;
      }
      stage(address, bytes, "a host write", (from) => copyIn(from, dtype, data));
    },
    enqueue<K extends KernelName>(kernel: K, args: KernelArguments<K, BufferHandle>) {
      checkUsable(kernel);
      const encoded: number[] = [];
      let code: string = kernel;
      for (const [name, kind] of Object.entries(kernelTable[kernel])) {
        const value = args[name as keyof typeof args] as BufferHandle | number | null;
        if (kind === "float") {
          scratchFloat[0] = value as number;
          encoded.push(scratchWord[0]);
        } else if (kind === "int") encoded.push(value as number);
        else if (value === null) encoded.push(0);
        else {
          const { address, dtype } = WasmBuffer.open(value as BufferHandle, `${kernel}: ${name}`);
          encoded.push(address);
          if (dtype !== "fp8e4m3") continue;
          checkFp8Operand(kernel, name, dtype);
          if (kernel in fp8Variants) code = fp8Variants[kernel as keyof typeof fp8Variants];
        }
      }
      if (code !== kernel) checkVariant(kernel, args as Readonly<Record<string, unknown>>);
      if (
        (kernel === "attentionForward" || kernel === "attentionBackward") &&
        encoded[kernel === "attentionForward" ? 8 : 12] > longestSequence
      ) {
        throw new Error(
          `${kernel}: sequences of ${encoded[kernel === "attentionForward" ? 8 : 12]} rows, the WASM device takes ${longestSequence} at most`,
        );
      }
      const index = kernelIndex.get(code);
      if (index === undefined) throw new Error(`${kernel}: the WASM device has no such kernel (Backend.fusedRows)`);
      if (recording) recording.push(index | ((encoded.length + 1) << 16), ...encoded);
      else publish(index, encoded);
    },
    async read(buffer: BufferHandle, dtype: DType, length: number): Promise<TensorData> {
      if (recording) throw new Error("read: not allowed while a graph is captured");
      if (dtype === "fp8e4m3") throw new Error("read: fp8e4m3 is read by way of dequantize");
      checkUsable("read");
      const { address } = WasmBuffer.open(buffer, "read");
      if (length * bytesPerElement[dtype] > buffer.byteLength)
        throw new Error(`read: ${length} ${dtype} values of a buffer of ${buffer.byteLength} bytes`);
      await waitForFence(placeFence());
      collectStaged();
      if (dtype === "i32") return words.slice(address / 4, address / 4 + length);
      if (dtype === "f32") return floats.slice(address / 4, address / 4 + length);
      return bfloat16ToFloat32(new Uint16Array(memory.buffer, address, length).slice());
    },
    hostView(buffer, dtype, length) {
      if (recording) throw new Error("hostView: not allowed while a graph is captured");
      checkUsable("hostView");
      if (dtype === "bf16") throw new Error("hostView: bf16 is not supported, cast to f32");
      const { address } = WasmBuffer.open(buffer, "hostView");
      if (length * bytesPerElement[dtype] > buffer.byteLength)
        throw new Error(`hostView: ${length} ${dtype} values of a buffer of ${buffer.byteLength} bytes`);
      if (!idle()) blockOnFence(placeFence());
      return (dtype === "i32" ? words : floats).subarray(address / 4, address / 4 + length);
    },
    capture(record) {
      checkUsable("capture");
      if (recording) throw new Error("capture: a graph is being captured already");
      const list: number[] = [];
      recording = list;
      let kernelCount = 0;
      try {
        record();
      } finally {
        recording = null;
      }
      let multiplications = 0;
      for (let i = 0; i < list.length; i += list[i] >>> 16) {
        kernelCount++;
        multiplications += multiplicationsOf(list, i);
      }
      const small = multiplications < leastSharedWork * kernelCount;
      const address = allocator.alloc(list.length * 4, "a captured graph");
      const write = (to: number) => words.set(list, to / 4);
      if (idle()) write(address);
      else stage(address, list.length * 4, "a captured graph's copy", write);
      const graph: Graph = { kernelCount };
      graphs.set(graph, { address, words: list.length, command: small ? commands.replaySmall : commands.replay });
      return graph;
    },
    launch(graph) {
      checkUsable("launch");
      const found = graphs.get(graph);
      if (!found) throw new Error("launch: the graph belongs to another backend");
      publish(found.command, [found.address, found.words]);
    },
    stats: () => ({ allocatedBytes: allocator.allocatedBytes, reservedBytes: memory.buffer.byteLength }),
    killThread: (thread) => pool.kill(thread),
    drain() {
      while (!idle()) checkUsable("drain");
    },
    async close() {
      if (closed) return;
      if (!lost) publish(commands.stop, []);
      closed = true;
      await pool.join();
    },
  };
}
