import { record } from "../autograd.ts";
import { empty, type Tensor } from "../tensor.ts";
import { asRows, expectDType, expectTensor, floatOf } from "./check.ts";

/** x / √(mean(x²) + eps) · weight over the last axis: x [..., D], weight [D] (Zhang & Sennrich 2019). */
export function rmsNorm(x: Tensor, weight: Tensor, eps = 1e-6): Tensor {
  const { rows, width: dim } = asRows(x);
  expectDType("rmsNorm", "x", x, "float");
  expectTensor("rmsNorm", `weight for x [${x.shape.join(", ")}]`, weight, [dim]);
  const y = empty(x.device, x.shape, floatOf(x), "rmsNorm");
  const rstd = empty(x.device, [rows], "f32", "rmsNorm rstd");
  x.device.backend.enqueue("rmsNormForward", {
    x: x.buffer,
    weight: weight.buffer,
    y: y.buffer,
    rstd: rstd.buffer,
    rows,
    dim,
    eps,
  });
  record(
    "rmsNorm",
    [x, weight],
    [y],
    [x, weight, rstd],
    ([dy], [sinkX, sinkWeight], [savedX, savedWeight, savedRstd]) => {
      if (!dy) return;
      const dx = sinkX?.target();
      const dweight = sinkWeight?.target();
      dy.device.backend.enqueue("rmsNormBackward", {
        dy: dy.buffer,
        x: savedX.buffer,
        weight: savedWeight.buffer,
        rstd: savedRstd.buffer,
        dx: dx?.out.buffer ?? null,
        dweight: dweight?.out.buffer ?? null,
        rows,
        dim,
        accumulateX: dx?.accumulate ?? 0,
        accumulateWeight: dweight?.accumulate ?? 0,
      });
    },
  );
  return y;
}
