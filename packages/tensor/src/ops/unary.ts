import { record } from "../autograd.ts";
import { type UnaryOp, unaryOps } from "../kernels/index.ts";
import { empty, type Tensor } from "../tensor.ts";
import { expectDType } from "./check.ts";

/** f(x) for every element of x [...]. */
export function unary(op: UnaryOp, x: Tensor): Tensor {
  expectDType(op, "x", x, "f32");
  const { device, shape, size: n } = x;
  const code = unaryOps.indexOf(op);
  if (code < 0) throw new Error(`unary: there is no ${op}, there are ${unaryOps.join(", ")}`);
  const y = empty(device, shape, "f32", op);
  device.backend.enqueue("unary", { x: x.buffer, y: y.buffer, n, op: code });
  record(op, [x], [y], [x, y], ([dy], [sink], [savedX, savedY]) => {
    if (!dy || !sink) return;
    const { out, accumulate } = sink.target();
    device.backend.enqueue("unaryBackward", {
      dy: dy.buffer,
      x: savedX.buffer,
      y: savedY.buffer,
      dx: out.buffer,
      n,
      op: code,
      accumulate,
    });
  });
  return y;
}

/** 1 / (1 + e⁻ˣ). */
export function sigmoid(x: Tensor): Tensor {
  return unary("sigmoid", x);
}

/** x · Φ(x) in its tanh form (Hendrycks & Gimpel 2016, arXiv 1606.08415). */
export function gelu(x: Tensor): Tensor {
  return unary("gelu", x);
}
