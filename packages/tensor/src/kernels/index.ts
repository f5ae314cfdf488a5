import { attentionKernels } from "./attention.ts";
import { decodeKernels } from "./decode.ts";
import { elementwiseKernels } from "./elementwise.ts";
import { fp8Kernels } from "./fp8.ts";
import { gatherKernels } from "./gather.ts";
import { lossKernels } from "./losses.ts";
import { matrixKernels } from "./matrix.ts";
import { moeKernels } from "./moe.ts";
import { normKernels } from "./norms.ts";
import { optimizerKernels } from "./optimizers.ts";
import type { KernelTable } from "./parameter.ts";
import { randomKernels } from "./random.ts";
import { reductionKernels } from "./reductions.ts";
import { tileKernels } from "./tiles.ts";

export { type BinaryOp, binaryOps, type ReduceOp, reduceOps, type UnaryOp, unaryOps } from "./operators.ts";
export type { ParameterKind } from "./parameter.ts";

/**
 * The primitives of every backend: a kernel is named here, its arguments in the order in which a backend receives them.
 *
 * Legend: T tokens (rows), N routed rows (T·k), B sequences, S rows of a sequence, H heads, D model width, E experts,
 * V vocabulary, k experts per token. All arrays are dense and row-major; leading dimensions and strides count elements.
 *
 * - `in`, `out`, `inout`: a device buffer that is read, wholly overwritten in the range the kernel documents, or
 *   updated in place. A `?` allows null.
 * - `int`: a 32-bit integer, `float`: a 32-bit float. Both are fixed when a step is captured: what changes from step to
 *   step (learning rate, step number, clip factors, offsets) travels in buffers.
 * - `accumulate` (int 0 or 1): add to what the output holds instead of overwriting it.
 *
 * Kernels are deterministic for a given backend and thread count, and run in the order of their enqueueing.
 */
export const kernels = {
  ...matrixKernels,
  ...normKernels,
  ...attentionKernels,
  ...elementwiseKernels,
  ...reductionKernels,
  ...lossKernels,
  ...gatherKernels,
  ...moeKernels,
  ...randomKernels,
  ...optimizerKernels,
  ...tileKernels,
  ...fp8Kernels,
  ...decodeKernels,
} as const satisfies KernelTable;

export type KernelName = keyof typeof kernels;

/** The kernels that a backend without `fusedRows` lacks. They stand last in the table. */
export const fusedKernels = [
  "normProducts",
  "latentInputs",
  "pagedLatentValues",
  "routedGates",
  "downProducts",
] as const satisfies readonly KernelName[];

export type FusedKernelName = (typeof fusedKernels)[number];

/** The kernels that a backend without `fp8` lacks. */
export const fp8KernelNames = [
  "quantizeBlocks",
  "storeBlocks",
  "dequantizeBlocks",
] as const satisfies readonly KernelName[];

export type Fp8KernelName = (typeof fp8KernelNames)[number];

/** The buffers that may be fp8e4m3, by kernel. */
export const fp8Operands: { readonly [K in KernelName]?: readonly (keyof (typeof kernels)[K])[] } = {
  gemm: ["b"],
  groupedGemm: ["w"],
  normProducts: ["w0", "w1", "w2"],
  routedGates: ["gate", "up"],
  downProducts: ["down", "sharedDown"],
  quantizeBlocks: ["y"],
  storeBlocks: ["y"],
  dequantizeBlocks: ["x"],
};

/** Throws where a buffer is fp8e4m3 that its kernel does not take so. */
export function checkFp8Operand(kernel: KernelName, name: string, dtype: string): void {
  const taken: readonly string[] = fp8Operands[kernel] ?? [];
  if (dtype === "fp8e4m3" && !taken.includes(name)) {
    throw new Error(`${kernel}: ${name} is fp8e4m3, which it does not take: dequantize it`);
  }
}

type Argument<Kind, Handle> = Kind extends "int" | "float"
  ? number
  : Kind extends "in?" | "out?" | "inout?"
    ? Handle | null
    : Handle;

/** The arguments of kernel K, with buffers of type Handle. */
export type KernelArguments<K extends KernelName, Handle> = {
  readonly [P in keyof (typeof kernels)[K]]: Argument<(typeof kernels)[K][P], Handle>;
};
