import { record } from "../autograd.ts";
import { formatShape, type Shape, sameShape } from "../shape.ts";
import { empty, type Tensor } from "../tensor.ts";
import { elementStrides, planBroadcast, sumRepeated } from "./broadcast.ts";

/** x repeated to a larger shape, by the rules of broadcasting. */
export function expand(x: Tensor, shape: Shape): Tensor {
  const plan = planBroadcast("expand", x.shape, shape);
  if (!sameShape(plan.shape, shape)) {
    throw new Error(`expand: ${formatShape(x.shape)} does not fit into ${formatShape(shape)}`);
  }
  if (x.dtype === "bf16") throw new Error("expand: bf16 is not supported; cast to f32 first");
  const { rows, columns, operands } = plan;
  const { row, column } = elementStrides(plan, operands[0]);
  const y = empty(x.device, shape, x.dtype, "expand");
  // Whole rows are copied where x has them, single elements where it repeats along them.
  const inner = column === 1 ? { n1: 1, n2: columns, src1: 0, dst1: 0 } : { n1: columns, n2: 1, src1: 0, dst1: 1 };
  x.device.backend.enqueue("copy3d", {
    ...{ src: x.buffer, dst: y.buffer, n0: rows, ...inner, srcOffset: 0, src0: row, dstOffset: 0, dst0: columns },
    accumulate: 0,
  });
  record("expand", [x], [y], [], ([dy], [sink]) => {
    if (dy && sink) sink.add(sumRepeated(dy.device, dy, plan, operands[0], x.shape));
  });
  return y;
}
