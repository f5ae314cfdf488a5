import { record } from "../autograd.ts";
import { binaryOps, type ReduceOp, reduceOps } from "../kernels/index.ts";
import { formatShape, type Shape } from "../shape.ts";
import { empty, type Tensor } from "../tensor.ts";
import { passPositive } from "./binary.ts";
import { expectDType } from "./check.ts";

/** Options of a reduction. */
export interface ReduceOptions {
  /** Which axis, from the end if negative. Default: all of them. */
  readonly axis?: number;
  /** Keep the axis with size 1. */
  readonly keepAxis?: boolean;
}

/** Sum over an axis, or over everything. */
export function sum(x: Tensor, options: ReduceOptions = {}): Tensor {
  return reduce("sum", x, options);
}

/** Mean over an axis, or over everything. @throws if there is nothing to take it of */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  return reduce("mean", x, options);
}

/** Largest value along an axis, or of all. All that are largest get the gradient. @throws if there is nothing to take it of */
export function max(x: Tensor, options: ReduceOptions = {}): Tensor {
  return reduce("max", x, options);
}

/** Smallest value along an axis, or of all. All that are smallest get the gradient. @throws if there is nothing to take it of */
export function min(x: Tensor, options: ReduceOptions = {}): Tensor {
  return reduce("min", x, options);
}

/** x seen as [outer, axis, inner]. */
interface Extents {
  readonly outer: number;
  readonly axis: number;
  readonly inner: number;
}

function reduce(op: ReduceOp, x: Tensor, { axis, keepAxis = false }: ReduceOptions): Tensor {
  expectDType(op, "x", x, "f32");
  const { device } = x;
  const { extents, shape } = reducedShape(op, x.shape, x.size, axis, keepAxis);
  if (extents.axis === 0 && op !== "sum")
    throw new Error(`${op}: ${formatShape(x.shape)} has no elements to take it of`);
  const y = empty(device, shape, "f32", op);
  device.backend.enqueue("reduce", { x: x.buffer, y: y.buffer, ...extents, op: reduceOps.indexOf(op), accumulate: 0 });
  const extreme = op === "max" || op === "min";
  record(op, [x], [y], extreme ? [x, y] : [], ([dy], [sink], [savedX, savedY]) => {
    if (!dy || !sink) return;
    const spread = repeat(dy, x.shape, extents);
    const gradient = extreme ? ofExtremes(op, spread, savedX, repeat(savedY, x.shape, extents)) : spread;
    const { out, accumulate } = sink.target();
    const alpha = op === "mean" ? 1 / extents.axis : 1;
    device.backend.enqueue("axpby", { x: gradient.buffer, y: out.buffer, n: x.size, alpha, beta: accumulate });
  });
  return y;
}

function reducedShape(
  op: string,
  shape: Shape,
  size: number,
  axis: number | undefined,
  keep: boolean,
): { extents: Extents; shape: Shape } {
  if (axis === undefined) return { extents: { outer: 1, axis: size, inner: 1 }, shape: keep ? shape.map(() => 1) : [] };
  const at = axis < 0 ? axis + shape.length : axis;
  if (!Number.isInteger(at) || at < 0 || at >= shape.length) {
    throw new Error(`${op}: ${formatShape(shape)} has no axis ${axis}`);
  }
  const product = (sizes: Shape) => sizes.reduce((result, part) => result * part, 1);
  return {
    extents: { outer: product(shape.slice(0, at)), axis: shape[at], inner: product(shape.slice(at + 1)) },
    shape: [...shape.slice(0, at), ...(keep ? [1] : []), ...shape.slice(at + 1)],
  };
}

/** [outer, inner] repeated along the axis that was reduced. */
function repeat(x: Tensor, shape: Shape, { outer, axis, inner }: Extents): Tensor {
  const y = empty(x.device, shape, "f32", "repeated");
  x.device.backend.enqueue("copy3d", {
    ...{ src: x.buffer, dst: y.buffer, n0: outer, n1: axis, n2: inner },
    ...{ srcOffset: 0, src0: inner, src1: 0, dstOffset: 0, dst0: axis * inner, dst1: inner, accumulate: 0 },
  });
  return y;
}

/** dy where x is the extreme value: what is left when those short of it are taken away. */
function ofExtremes(op: "max" | "min", dy: Tensor, x: Tensor, extreme: Tensor): Tensor {
  const [above, below] = op === "max" ? [extreme, x] : [x, extreme];
  const short = passPositive(dy, minus(above, below));
  return minus(dy, short);
}

function minus(a: Tensor, b: Tensor): Tensor {
  const y = empty(a.device, a.shape, "f32", "difference");
  a.device.backend.enqueue("binary", {
    ...{ a: a.buffer, b: b.buffer, y: y.buffer, rows: 1, columns: a.size, op: binaryOps.indexOf("sub") },
    ...{ aRow: 0, aColumn: 1, bRow: 0, bColumn: 1 },
  });
  return y;
}
