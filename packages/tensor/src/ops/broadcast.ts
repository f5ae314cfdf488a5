import type { Device } from "../device.ts";
import { reduceOps } from "../kernels/index.ts";
import { formatShape, type Shape, sizeOf } from "../shape.ts";
import { empty, type Tensor } from "../tensor.ts";

/** How an operand lies in the matrix [rows, columns] that the result is seen as; a stride of 0 repeats it. */
export interface OperandStrides {
  readonly row: 0 | 1;
  readonly column: 0 | 1;
}

/** A broadcast that one kernel can do. */
export interface BroadcastPlan {
  readonly shape: Shape;
  readonly rows: number;
  readonly columns: number;
  readonly operands: readonly OperandStrides[];
}

/**
 * Finds where to cut the result's axes so that each operand either has all axes of a side or is repeated along all of them: NumPy's
 * rules, as far as two strides go.
 *
 * @throws if the shapes do not broadcast, or not at one cut, naming the operation and the shapes.
 */
export function planBroadcast(op: string, ...shapes: readonly Shape[]): BroadcastPlan {
  const names = shapes.map(formatShape).join(" and ");
  const rank = Math.max(...shapes.map((shape) => shape.length));
  const padded = shapes.map((shape) => [...new Array<number>(rank - shape.length).fill(1), ...shape]);
  const shape = Array.from({ length: rank }, (_, axis) => {
    const sizes = new Set(padded.map((operand) => operand[axis]).filter((size) => size !== 1));
    if (sizes.size > 1)
      throw new Error(`${op}: shapes ${names} do not fit: axis ${axis} has sizes ${[...sizes].join(", ")}`);
    return sizes.values().next().value ?? 1;
  });
  for (let cut = 0; cut <= rank; cut++) {
    const side = (operand: number[], from: number, to: number): 0 | 1 | null => {
      const own = operand.slice(from, to);
      if (own.every((size, i) => size === shape[from + i])) return 1;
      return own.every((size) => size === 1) ? 0 : null;
    };
    const operands = padded.map((operand) => ({ row: side(operand, 0, cut), column: side(operand, cut, rank) }));
    if (operands.every((strides): strides is OperandStrides => strides.row !== null && strides.column !== null)) {
      return { shape, rows: sizeOf(shape.slice(0, cut)), columns: sizeOf(shape.slice(cut)), operands };
    }
  }
  throw new Error(`${op}: shapes ${names} broadcast along axes that lie between others; expand or reshape first`);
}

/** Element strides of an operand, as kernels take them. */
export function elementStrides(
  { columns }: BroadcastPlan,
  { row, column }: OperandStrides,
): { row: number; column: number } {
  return { row: row === 0 ? 0 : column === 0 ? 1 : columns, column };
}

/** Sums a gradient over what was repeated: gradient [rows, columns] → the operand's elements. The gradient itself if nothing was. */
export function sumRepeated(
  device: Device,
  gradient: Tensor,
  { rows, columns }: BroadcastPlan,
  { row, column }: OperandStrides,
  shape: Shape,
): Tensor {
  if (row === 1 && column === 1) return gradient;
  const result = empty(device, shape, gradient.dtype, "summed gradient");
  const whole = row === 0 && column === 0;
  const [outer, axis, inner] = whole ? [1, rows * columns, 1] : row === 0 ? [1, rows, columns] : [rows, columns, 1];
  device.backend.enqueue("reduce", {
    ...{ x: gradient.buffer, y: result.buffer, outer, axis, inner },
    op: reduceOps.indexOf("sum"),
    accumulate: 0,
  });
  return result;
}
