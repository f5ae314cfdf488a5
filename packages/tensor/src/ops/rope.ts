import { record } from "../autograd.ts";
import { empty, type Tensor } from "../tensor.ts";
import { expectDType, expectRank, expectTensor } from "./check.ts";

/** Cosines and sines by position: [maxPositions, ropeDim / 2] each. */
export interface RopeTables {
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/**
 * Rotary position embedding of interleaved pairs, as DeepSeek-V3: the columns start … start + ropeDim of every head are
 * rotated by their row's position, the others copied. x [rows, heads, headDim], positions i32 [rows].
 * Positions must be below the tables' length.
 */
export function rope(x: Tensor, positions: Tensor, { cos, sin }: RopeTables, start = 0): Tensor {
  expectRank("rope", "x", x, 3, "[rows, heads, headDim]");
  const [rows, heads, headDim] = x.shape;
  const [maxPositions, half] = cos.shape;
  expectTensor("rope", "positions", positions, [rows], "i32");
  expectTensor("rope", "sin", sin, [maxPositions, half]);
  expectDType("rope", "x", x, "float");
  const ropeDim = 2 * half;
  if (start < 0 || start + ropeDim > headDim) {
    throw new Error(`rope: columns ${start} … ${start + ropeDim} are outside the head of x [${x.shape.join(", ")}]`);
  }
  const shared = { cos: cos.buffer, sin: sin.buffer, rows, heads, headDim, start, ropeDim, maxPositions };
  const y = empty(x.device, x.shape, x.dtype, "rope");
  const { backend } = x.device;
  backend.enqueue("rope", {
    ...shared,
    x: x.buffer,
    y: y.buffer,
    positions: positions.buffer,
    inverse: 0,
    accumulate: 0,
  });
  record("rope", [x], [y], [positions], ([dy], [sink], [savedPositions]) => {
    if (!dy || !sink) return;
    const { out, accumulate } = sink.target();
    backend.enqueue("rope", {
      ...shared,
      x: dy.buffer,
      y: out.buffer,
      positions: savedPositions.buffer,
      inverse: 1,
      accumulate,
    });
  });
  return y;
}
