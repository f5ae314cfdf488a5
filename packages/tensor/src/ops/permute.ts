import { record } from "../autograd.ts";
import { empty, type Tensor } from "../tensor.ts";
import { expectDType, expectRank, expectTensor, floatOf } from "./check.ts";

/** The N = T·k choices of a routing, sorted by expert. All on the device. */
export interface ExpertOrder {
  /** i32 [E + 1]: rows offsets[e] … offsets[e + 1] are expert e's. */
  readonly offsets: Tensor;
  /** i32 [N]: the choice (t·k + j) at a sorted row. */
  readonly order: Tensor;
  /** i32 [N]: the sorted row of a choice. */
  readonly inverse: Tensor;
  /** Experts per token. */
  readonly k: number;
}

/** Sorts the choices i32 [T, k] by expert, stably. */
export function sortByExpert(indices: Tensor, experts: number): ExpertOrder {
  expectRank("sortByExpert", "indices", indices, 2, "[T, k]");
  expectDType("sortByExpert", "indices", indices, "i32");
  const { device, size: n } = indices;
  const offsets = empty(device, [experts + 1], "i32", "expert offsets");
  const order = empty(device, [n], "i32", "expert order");
  const inverse = empty(device, [n], "i32", "expert order inverse");
  device.backend.enqueue("sortByExpert", {
    indices: indices.buffer,
    offsets: offsets.buffer,
    order: order.buffer,
    inverse: inverse.buffer,
    n,
    experts,
  });
  return { offsets, order, inverse, k: indices.shape[1] };
}

/** Copies each token's row to the sorted rows of its k choices: x [T, D] → [N, D]. */
export function permute(x: Tensor, { order, inverse, k }: ExpertOrder): Tensor {
  expectRank("permute", "x", x, 2, "[T, D]");
  expectDType("permute", "x", x, "float");
  const [rows, dim] = x.shape;
  const n = order.size;
  if (n !== rows * k)
    throw new Error(`permute: x [${x.shape.join(", ")}] has ${rows} rows, the order ${n} = ${n / k} · ${k}`);
  const { backend } = x.device;
  const y = empty(x.device, [n, dim], floatOf(x), "permute");
  backend.enqueue("permute", { x: x.buffer, order: order.buffer, y: y.buffer, n, dim, k });
  record("permute", [x], [y], [inverse], ([dy], [sink], [savedInverse]) => {
    if (!dy || !sink) return;
    const { out, accumulate } = sink.target();
    backend.enqueue("permuteBackward", {
      dy: dy.buffer,
      inverse: savedInverse.buffer,
      dx: out.buffer,
      rows,
      dim,
      k,
      accumulate,
    });
  });
  return y;
}

/** Weighted sum of each token's k expert rows: y [N, D], weights [T, k] → [T, D]. */
export function unpermute(y: Tensor, weights: Tensor, { inverse, k }: ExpertOrder): Tensor {
  expectRank("unpermute", "y", y, 2, "[N, D]");
  const [n, dim] = y.shape;
  const rows = n / k;
  expectTensor("unpermute", `weights for y [${y.shape.join(", ")}]`, weights, [rows, k]);
  const { device } = y;
  const out = empty(device, [rows, dim], floatOf(y), "unpermute");
  device.backend.enqueue("unpermute", {
    y: y.buffer,
    weights: weights.buffer,
    inverse: inverse.buffer,
    out: out.buffer,
    rows,
    dim,
    k,
    accumulate: 0,
  });
  record(
    "unpermute",
    [y, weights],
    [out],
    [y, weights, inverse],
    ([dout], [sinkY, sinkWeights], [savedY, savedWeights, savedInverse]) => {
      if (!dout) return;
      const dy = empty(device, y.shape, y.dtype, "unpermute dy");
      const dweights = empty(device, weights.shape, "f32", "unpermute dweights");
      device.backend.enqueue("unpermuteBackward", {
        dout: dout.buffer,
        y: savedY.buffer,
        weights: savedWeights.buffer,
        inverse: savedInverse.buffer,
        dy: dy.buffer,
        dweights: dweights.buffer,
        rows,
        dim,
        k,
      });
      sinkY?.add(dy);
      sinkWeights?.add(dweights);
    },
  );
  return out;
}
