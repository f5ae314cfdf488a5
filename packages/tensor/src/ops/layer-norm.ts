import { record } from "../autograd.ts";
import { empty, type Tensor } from "../tensor.ts";
import { asRows, expectTensor } from "./check.ts";

/** (x − mean) / √(variance + eps) · weight + bias over the last axis: x [..., D], weight and bias [D] (Ba et al. 2016). */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor | null = null, eps = 1e-5): Tensor {
  const { rows, width: dim } = asRows(x);
  expectTensor("layerNorm", `weight for x [${x.shape.join(", ")}]`, weight, [dim]);
  if (bias) expectTensor("layerNorm", `bias for x [${x.shape.join(", ")}]`, bias, [dim]);
  const { device } = x;
  const y = empty(device, x.shape, "f32", "layerNorm");
  const mean = empty(device, [rows], "f32", "layerNorm mean");
  const rstd = empty(device, [rows], "f32", "layerNorm rstd");
  device.backend.enqueue("layerNormForward", {
    ...{ x: x.buffer, weight: weight.buffer, bias: bias?.buffer ?? null, y: y.buffer },
    ...{ mean: mean.buffer, rstd: rstd.buffer, rows, dim, eps },
  });
  record(
    "layerNorm",
    [x, weight, bias],
    [y],
    [x, weight, mean, rstd],
    ([dy], [sinkX, sinkWeight, sinkBias], [savedX, savedWeight, savedMean, savedRstd]) => {
      if (!dy) return;
      const [dx, dweight, dbias] = [sinkX, sinkWeight, sinkBias].map((sink) => sink?.target());
      device.backend.enqueue("layerNormBackward", {
        ...{ dy: dy.buffer, x: savedX.buffer, weight: savedWeight.buffer },
        ...{ mean: savedMean.buffer, rstd: savedRstd.buffer, rows, dim },
        ...{ dx: dx?.out.buffer ?? null, dweight: dweight?.out.buffer ?? null, dbias: dbias?.out.buffer ?? null },
        accumulateX: dx?.accumulate ?? 0,
        accumulateWeight: dweight?.accumulate ?? 0,
        accumulateBias: dbias?.accumulate ?? 0,
      });
    },
  );
  return y;
}
