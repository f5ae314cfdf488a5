import { record } from "../autograd.ts";
import { empty, fill, type Tensor } from "../tensor.ts";
import { expectDType, expectRank, expectTensor, floatOf } from "./check.ts";

/**
 * One matrix per expert over rows sorted by expert: x [N, k], w [E, n, k] (as Hugging Face stores each expert's linear
 * layer), offsets i32 [E + 1] on the device → y [N, n] with y[r] = w[e] · x[r] for offsets[e] ≤ r < offsets[e + 1].
 * N is fixed (T·k routed rows); how it divides among the experts is known to the device alone.
 *
 * `partial`: the offsets leave rows out, before the first expert's and behind the last's. Those of y are zero, and so is their gradient.
 */
export function groupedMatmul(x: Tensor, w: Tensor, offsets: Tensor, { partial = false } = {}): Tensor {
  expectRank("groupedMatmul", "x", x, 2, "[N, k]");
  expectDType("groupedMatmul", "x", x, "float");
  expectRank("groupedMatmul", `w for x [${x.shape.join(", ")}]`, w, 3, "[E, n, k]");
  const [rows, k] = x.shape;
  const [experts, n] = w.shape;
  expectTensor("groupedMatmul", `w for x [${x.shape.join(", ")}]`, w, [experts, n, k], "matrix");
  expectTensor("groupedMatmul", `offsets for w [${w.shape.join(", ")}]`, offsets, [experts + 1], "i32");
  const { device } = x;
  const { backend } = device;
  const y = empty(device, [rows, n], floatOf(x), "groupedMatmul");
  if (partial) fill(y, 0);
  backend.enqueue("groupedGemm", {
    x: x.buffer,
    w: w.buffer,
    y: y.buffer,
    offsets: offsets.buffer,
    rows,
    experts,
    n,
    k,
    transposeW: 1,
    accumulate: 0,
  });
  record("groupedMatmul", [x, w], [y], [x, w, offsets], ([dy], [sinkX, sinkW], [savedX, savedW, savedOffsets]) => {
    if (!dy) return;
    if (sinkX) {
      const { out, accumulate } = sinkX.target();
      if (partial && !accumulate) fill(out, 0);
      backend.enqueue("groupedGemm", {
        x: dy.buffer,
        w: savedW.buffer,
        y: out.buffer,
        offsets: savedOffsets.buffer,
        rows,
        experts,
        n: k,
        k: n,
        transposeW: 0,
        accumulate,
      });
    }
    if (sinkW) {
      const { out, accumulate } = sinkW.target();
      backend.enqueue("groupedGemmWeightGrad", {
        dy: dy.buffer,
        x: savedX.buffer,
        dw: out.buffer,
        offsets: savedOffsets.buffer,
        rows,
        experts,
        n,
        k,
        accumulate,
      });
    }
  });
  return y;
}
