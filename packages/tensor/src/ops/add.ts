import { record } from "../autograd.ts";
import { binaryOps } from "../kernels.ts";
import { empty, type Tensor } from "../tensor.ts";
import { expectTensor } from "./check.ts";

/** a + b of equal shapes: the residual connection. Its backward pass copies nothing. */
export function add(a: Tensor, b: Tensor): Tensor {
  expectTensor("add", `b for a [${a.shape.join(", ")}]`, b, a.shape);
  const y = empty(a.device, a.shape, "f32", "add");
  a.device.backend.enqueue("binary", {
    a: a.buffer,
    b: b.buffer,
    y: y.buffer,
    rows: 1,
    columns: a.size,
    aRow: 0,
    aColumn: 1,
    bRow: 0,
    bColumn: 1,
    op: binaryOps.indexOf("add"),
  });
  record("add", [a, b], [y], [], ([dy], sinks) => {
    if (!dy) return;
    for (const sink of sinks) sink?.add(dy);
  });
  return y;
}
