import {
  type BufferHandle,
  type Device,
  empty,
  type KernelArguments,
  type KernelName,
  quantizeInto,
  Tensor,
} from "@baltoro/tensor";
import { type Arguments, isBuffer, type Values } from "./case.ts";
import { decodeCases } from "./decode.ts";
import { random, zeros } from "./draw.ts";
import { offsetsOf } from "./matrix.ts";

/** A call of a kernel some of whose buffers are weights in fp8e4m3. */
export interface ProductCase {
  readonly args: Arguments;
  /** Shapes of those. */
  readonly weights: Readonly<Record<string, readonly number[]>>;
  readonly outputs: readonly string[];
}

/** Products of kernels with fp8e4m3 weights. */
export const productCases: readonly {
  readonly name: string;
  readonly kernel: KernelName;
  readonly make: () => readonly ProductCase[];
}[] = [
  {
    name: "products of few rows, with and without a residual",
    kernel: "gemm",
    make: () =>
      [
        [1, 24, 40],
        [2, 130, 264],
        [3, 8, 520],
        [8, 200, 2048],
        [5, 33, 136],
      ].flatMap(([m, n, k]) => [gemm(m, n, k, false), gemm(m, n, k, true)]),
  },
  {
    name: "products of experts",
    kernel: "groupedGemm",
    make: () =>
      [
        { loads: [3, 0, 7, 1], n: 40, k: 72 },
        { loads: [0, 1, 0, 0], n: 136, k: 264 },
        { loads: [1, 1, 2, 60], n: 24, k: 128 },
      ].map(({ loads, n, k }) => grouped(loads, n, k)),
  },
  {
    name: "norm and products",
    kernel: "normProducts",
    make: () =>
      decodeCases.normProducts().map(({ args }) => {
        const { dim, n0, n1, n2 } = args as Record<string, number>;
        const outputs = ["normed", "y0", "y1", "y2"].filter((name) => args[name] !== null);
        // The router, w0 of three, stays as it is.
        const first: Record<string, readonly number[]> = n2 > 0 ? {} : { w0: [n0, dim] };
        return { args, weights: { ...first, w1: [n1, dim], w2: [n2, dim] }, outputs };
      }),
  },
  {
    name: "gates of routed experts",
    kernel: "routedGates",
    make: () =>
      decodeCases.routedGates().map(({ args }) => {
        const { experts, n, dim } = args as Record<string, number>;
        const shape = [experts, n, dim];
        return { args, weights: { gate: shape, up: shape }, outputs: ["indices", "weights", "loads", "y"] };
      }),
  },
  {
    name: "last products of experts",
    kernel: "downProducts",
    make: () =>
      decodeCases.downProducts().map(({ args }) => {
        const { dim, n, m } = args as Record<string, number>;
        return { args, weights: { down: [9, dim, n], sharedDown: [dim, m] }, outputs: ["out"] };
      }),
  },
];

/** Many rows: devices may quantize activations there, so that their errors are larger. */
export const manyRowCases = {
  gemm: () => [gemm(16, 128, 256, false), gemm(64, 200, 384, false), gemm(36, 136, 144, true), gemm(9, 24, 40, false)],
  groupedGemm: () => [grouped([70, 0, 130, 1], 136, 264), grouped([20, 31, 9, 60], 64, 384)],
};

function gemm(m: number, n: number, k: number, residual: boolean): ProductCase {
  return {
    args: {
      ...{ a: random(m * k), b: random(n * k, 0.1), c: residual ? random(m * n) : null, bias: null, d: zeros(m * n) },
      ...{ batch: 1, m, n, k, lda: k, ldb: k, ldc: n, ldd: n, strideA: 0, strideB: 0, strideC: 0, strideD: 0 },
      ...{ transposeA: 0, transposeB: 1, alpha: 1, beta: residual ? 1 : 0, symmetric: 0 },
    },
    weights: { b: [n, k] },
    outputs: ["d"],
  };
}

function grouped(loads: readonly number[], n: number, k: number): ProductCase {
  const rows = loads.reduce((sum, load) => sum + load, 0);
  return {
    args: {
      ...{ x: random(rows * k), w: random(loads.length * n * k, 0.1), y: zeros(rows * n) },
      ...{ offsets: offsetsOf(loads), rows, experts: loads.length, n, k, transposeW: 1, accumulate: 0 },
    },
    weights: { w: [loads.length, n, k] },
    outputs: ["y"],
  };
}

/** What stays f32 where activations are bf16. */
const inF32 = ["weight", "bias", "logits", "weights", "loads", "d", "y0"];

/** Outputs of a product on a device, its activations in `dtype`. */
export async function runProduct(
  device: Device,
  kernel: KernelName,
  { args, weights, outputs }: ProductCase,
  dtype: "f32" | "bf16",
): Promise<Map<string, ArrayLike<number>>> {
  const upload = (name: string, value: Values): Tensor => {
    const shape = weights[name];
    const own = value instanceof Int32Array ? "i32" : inF32.includes(name) ? "f32" : dtype;
    const tensor = empty(device, shape ?? [value.length], shape ? "fp8e4m3" : own, name);
    if (shape) quantizeInto(tensor, value);
    else tensor.write(value);
    return tensor;
  };
  const given = Object.entries(args).map(
    ([name, value]) => [name, isBuffer(value) ? upload(name, value) : value] as const,
  );
  const plain = given.map(([name, value]) => [name, value instanceof Tensor ? value.buffer : value]);
  device.backend.enqueue(kernel, Object.fromEntries(plain) as KernelArguments<typeof kernel, BufferHandle>);
  const results = new Map<string, ArrayLike<number>>();
  for (const [name, value] of given) {
    if (value instanceof Tensor && outputs.includes(name)) results.set(name, await value.read());
  }
  for (const [, value] of given) if (value instanceof Tensor) value.release();
  return results;
}
