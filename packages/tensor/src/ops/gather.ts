import { record } from "../autograd.ts";
import { formatShape } from "../shape.ts";
import { empty, fill, type Tensor } from "../tensor.ts";
import { expectDType, expectRank } from "./check.ts";

/** y[r, j] = x[r, index[r, j]]: x [R, C], index i32 [R, K] with values 0 … C − 1 → [R, K]. Rows are gathered by `embedding`. */
export function gather(x: Tensor, index: Tensor): Tensor {
  expectRank("gather", "x", x, 2, "[R, C]");
  expectDType("gather", "x", x, "f32");
  expectDType("gather", "index", index, "i32");
  const [rows, columns] = x.shape;
  if (index.shape.length !== 2 || index.shape[0] !== rows) {
    throw new Error(
      `gather: index has shape ${formatShape(index.shape)}, expected [${rows}, K] for x ${formatShape(x.shape)}`,
    );
  }
  const k = index.shape[1];
  const { backend } = x.device;
  const y = empty(x.device, [rows, k], "f32", "gather");
  backend.enqueue("gatherColumns", { x: x.buffer, index: index.buffer, y: y.buffer, rows, columns, k });
  record("gather", [x], [y], [index], ([dy], [sink], [savedIndex]) => {
    if (!dy || !sink) return;
    const { out, accumulate } = sink.target();
    if (!accumulate) fill(out, 0);
    backend.enqueue("scatterAddColumns", { dy: dy.buffer, index: savedIndex.buffer, dx: out.buffer, rows, columns, k });
  });
  return y;
}
