import { attentionKernels } from "./attention.ts";
import { decodeKernels } from "./decode.ts";
import { elementwiseKernels } from "./elementwise.ts";
import { gatherKernels } from "./gather.ts";
import { lossKernels } from "./losses.ts";
import { matrixKernels } from "./matrix.ts";
import { moeKernels } from "./moe.ts";
import { normKernels } from "./norms.ts";
import { optimizerKernels } from "./optimizers.ts";
import type { KernelTable } from "./parameter.ts";
import { randomKernels } from "./random.ts";
import { reductionKernels } from "./reductions.ts";

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
  ...decodeKernels,
} as const satisfies KernelTable;

export type KernelName = keyof typeof kernels;

/** The kernels that a backend may lack. They stand last in the table. */
export const fusedKernels = [
  "normProducts",
  "latentInputs",
  "pagedLatentValues",
  "routedGates",
  "downProducts",
] as const satisfies readonly KernelName[];

export type FusedKernelName = (typeof fusedKernels)[number];

type Argument<Kind, Handle> = Kind extends "int" | "float"
  ? number
  : Kind extends "in?" | "out?" | "inout?"
    ? Handle | null
    : Handle;

/** The arguments of kernel K, with buffers of type Handle. */
export type KernelArguments<K extends KernelName, Handle> = {
  readonly [P in keyof (typeof kernels)[K]]: Argument<(typeof kernels)[K][P], Handle>;
};
