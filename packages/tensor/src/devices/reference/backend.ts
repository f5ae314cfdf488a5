import type { Backend, BufferHandle, Graph } from "../../backend.ts";
import type { DType, HostData, TensorData } from "../../dtype.ts";
import { checkFp8Operand, type KernelArguments, type KernelName, kernels as kernelTable } from "../../kernels/index.ts";
import { attentionKernels } from "./attention.ts";
import { decodeKernels } from "./decode.ts";
import { elementwiseKernels } from "./elementwise.ts";
import { fp8Kernels } from "./fp8.ts";
import { lossKernels } from "./losses.ts";
import { matrixKernels } from "./matrix.ts";
import { moeKernels } from "./moe.ts";
import { normKernels } from "./norms.ts";
import { optimizerKernels } from "./optimizers.ts";
import { randomKernels } from "./random.ts";
import { reductionKernels } from "./reductions.ts";
import { tileKernels } from "./tiles.ts";
import { roundToBf16, type View } from "./view.ts";

/** All kernels by name. A kernel of the table without an implementation is a compile error. */
const implementations: { readonly [K in KernelName]: (args: KernelArguments<K, View>) => void } = {
  ...matrixKernels,
  ...normKernels,
  ...attentionKernels,
  ...elementwiseKernels,
  ...reductionKernels,
  ...lossKernels,
  ...moeKernels,
  ...randomKernels,
  ...optimizerKernels,
  ...decodeKernels,
  ...fp8Kernels,
  ...tileKernels,
};

/** Every element is one float64, which counts as four bytes. */
const bytesPerElement: Readonly<Record<DType, number>> = { f32: 4, bf16: 4, i32: 4, fp8e4m3: 4 };

class ReferenceBuffer implements BufferHandle {
  readonly byteLength: number;
  /** One float64 for each four bytes, that is for each element of any dtype. */
  readonly values: View;
  readonly root: ReferenceBuffer;
  readonly dtype: DType;
  freed = false;

  constructor(byteLength: number, values: View, dtype: DType, root?: ReferenceBuffer) {
    this.byteLength = byteLength;
    this.dtype = dtype;
    this.values = values;
    this.root = root ?? this;
  }
}

/**
 * The oracle: every kernel straight from its formula, in float64, at once. Fresh memory holds NaN, so that reading what
 * nothing wrote shows. Reads resolve to float64 values (i32 to integers).
 */
export function openReferenceBackend(): Backend {
  let allocatedBytes = 0;
  let recording: (() => void)[] | null = null;
  const recorded = new WeakMap<Graph, readonly (() => void)[]>();
  let closed = false;

  function own(buffer: BufferHandle, use: string): ReferenceBuffer {
    if (closed) throw new Error(`${use}: the reference backend is closed`);
    if (!(buffer instanceof ReferenceBuffer)) throw new Error(`${use}: the buffer belongs to another backend`);
    if (buffer.root.freed) throw new Error(`${use}: the buffer of ${buffer.byteLength} bytes was freed`);
    return buffer;
  }

  return {
    description: { kind: "reference", threads: 1, matmul: "float64 loops" },
    bytesPerElement,
    activations: "f32",
    fusedRows: Number.POSITIVE_INFINITY,
    fp8: true,
    blockElements: 2 << 20,
    alloc(byteLength, _label, dtype = "f32") {
      allocatedBytes += byteLength;
      return new ReferenceBuffer(byteLength, new Float64Array(Math.ceil(byteLength / 4)).fill(Number.NaN), dtype);
    },
    slice(buffer, byteOffset, byteLength, dtype = "f32") {
      const parent = own(buffer, "slice");
      if (byteOffset % 64 !== 0 || byteOffset + byteLength > parent.byteLength) {
        throw new Error(
          `slice: bytes ${byteOffset} … ${byteOffset + byteLength} of a buffer of ${parent.byteLength} (offsets are multiples of 64)`,
        );
      }
      const start = byteOffset / 4;
      return new ReferenceBuffer(
        byteLength,
        parent.values.subarray(start, start + Math.ceil(byteLength / 4)),
        dtype,
        parent.root,
      );
    },
    free(buffer) {
      const target = own(buffer, "free");
      if (target.root !== target) throw new Error("free: a slice is freed with its parent");
      target.freed = true;
      allocatedBytes -= target.byteLength;
    },
    write(buffer: BufferHandle, dtype: DType, data: HostData) {
      if (recording) throw new Error("write: not allowed while a graph is captured");
      if (dtype === "fp8e4m3") throw new Error("write: fp8e4m3 is written by quantizeInto or storeBlocks");
      const { values, byteLength } = own(buffer, "write");
      if (data.length * bytesPerElement[dtype] > byteLength) {
        throw new Error(`write: ${data.length} ${dtype} values into a buffer of ${byteLength} bytes`);
      }
      for (let i = 0; i < data.length; i++) {
        values[i] = dtype === "i32" ? Math.trunc(data[i]) : dtype === "bf16" ? roundToBf16(data[i]) : data[i];
      }
    },
    enqueue<K extends KernelName>(kernel: K, args: KernelArguments<K, BufferHandle>) {
      const views: Record<string, View | number | null> = {};
      for (const [name, kind] of Object.entries(kernelTable[kernel])) {
        const value = args[name as keyof typeof args] as BufferHandle | number | null;
        if (typeof value === "number") views[name] = kind === "float" ? Math.fround(value) : value;
        else if (value === null) views[name] = null;
        else {
          const { values, dtype } = own(value, `${kernel}: ${name}`);
          checkFp8Operand(kernel, name, dtype);
          views[name] = values;
        }
      }
      const run = () => implementations[kernel](views as KernelArguments<K, View>);
      if (recording) recording.push(run);
      else run();
    },
    async read(buffer: BufferHandle, dtype: DType, length: number): Promise<TensorData> {
      if (recording) throw new Error("read: not allowed while a graph is captured");
      if (dtype === "fp8e4m3") throw new Error("read: fp8e4m3 is read by way of dequantize");
      const { values } = own(buffer, "read");
      return dtype === "i32" ? Int32Array.from(values.subarray(0, length)) : values.slice(0, length);
    },
    hostView(buffer, _dtype, length) {
      if (recording) throw new Error("hostView: not allowed while a graph is captured");
      return own(buffer, "hostView").values.subarray(0, length);
    },
    capture(record) {
      if (recording) throw new Error("capture: a graph is being captured already");
      const list: (() => void)[] = [];
      recording = list;
      try {
        record();
      } finally {
        recording = null;
      }
      const graph: Graph = { kernelCount: list.length };
      recorded.set(graph, list);
      return graph;
    },
    launch(graph) {
      const list = recorded.get(graph);
      if (!list) throw new Error("launch: the graph belongs to another backend");
      for (const run of list) run();
    },
    stats: () => ({ allocatedBytes, reservedBytes: allocatedBytes }),
    async close() {
      closed = true;
    },
  };
}
