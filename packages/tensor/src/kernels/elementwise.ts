import type { KernelTable } from "./parameter.ts";

/** Activations and elementwise. Legend and conventions: index.ts. */
export const elementwiseKernels = {
  /** y = silu(gate) · up, n elements. */
  swigluForward: { gate: "in", up: "in", y: "out", n: "int" },
  /** dgate, dup overwritten; they may be the same buffers as gate and up. */
  swigluBackward: { dy: "in", gate: "in", up: "in", dgate: "out", dup: "out", n: "int" },
  /** y = f(x) over n elements; `op` is an index into `unaryOps`. y may equal x. */
  unary: { x: "in", y: "out", n: "int", op: "int" },
  /** dx (+)= dy · f′(x), given x and y = f(x). */
  unaryBackward: { dy: "in", x: "in", y: "in", dx: "inout", n: "int", op: "int", accumulate: "int" },
  /**
   * y[r, c] = a ∘ b; `op` is an index into `binaryOps`; a at r·aRow + c·aColumn (a stride of 0 broadcasts), b likewise;
   * y [rows, columns] dense, and may equal a dense a or b.
   */
  binary: {
    a: "in",
    b: "in",
    y: "out",
    rows: "int",
    columns: "int",
    aRow: "int",
    aColumn: "int",
    bRow: "int",
    bColumn: "int",
    op: "int",
  },
  /** y = alpha · x + beta · y, n elements. beta = 0 never reads y. */
  axpby: { x: "in", y: "inout", n: "int", alpha: "float", beta: "float" },
  /** y (+)= x · s[0] · alpha, with s a device scalar. y may equal x if accumulate is 0. */
  scaleByScalar: { x: "in", scalar: "in", y: "inout", n: "int", alpha: "float", accumulate: "int" },
  /** Sets n 32-bit elements to a float value. */
  fill: { y: "out", n: "int", value: "float" },
  /** Sets n 32-bit elements to an integer value. */
  fillInt: { y: "out", n: "int", value: "int" },
  /**
   * dst[i·dst0 + j·dst1 + c + dstOffset] (+)= src[i·src0 + j·src1 + c + srcOffset] for i < n0, j < n1, c < n2. 32-bit
   * elements of any dtype (accumulate: f32 only). A source stride of 0 broadcasts. Serves slice, concatenate, expand.
   */
  copy3d: {
    src: "in",
    dst: "inout",
    n0: "int",
    n1: "int",
    n2: "int",
    srcOffset: "int",
    src0: "int",
    src1: "int",
    dstOffset: "int",
    dst0: "int",
    dst1: "int",
    accumulate: "int",
  },
  /** Rounds f32 to bf16 (to nearest, ties to even), n elements. */
  castF32ToBf16: { x: "in", y: "out", n: "int" },
  castBf16ToF32: { x: "in", y: "out", n: "int" },
} as const satisfies KernelTable;
