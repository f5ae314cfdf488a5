import { record } from "../autograd.ts";
import { empty, type Tensor } from "../tensor.ts";
import { asRows, expectDType } from "./check.ts";

/** Softmax over the last axis: x [..., C]. */
export function softmax(x: Tensor): Tensor {
  expectDType("softmax", "x", x, "f32");
  const { rows, width: columns } = asRows(x);
  const { backend } = x.device;
  const y = empty(x.device, x.shape, "f32", "softmax");
  backend.enqueue("softmaxForward", { x: x.buffer, y: y.buffer, rows, columns });
  record("softmax", [x], [y], [y], ([dy], [sink], [savedY]) => {
    if (!dy || !sink) return;
    const { out, accumulate } = sink.target();
    backend.enqueue("softmaxBackward", { dy: dy.buffer, y: savedY.buffer, dx: out.buffer, rows, columns, accumulate });
  });
  return y;
}
