import { record } from "../autograd.ts";
import { empty, fill, type Tensor } from "../tensor.ts";
import { expectDType, expectRank } from "./check.ts";

/** Rows of a table: table [V, D], ids i32 [...] → [..., D]. An id outside the table gives zeros and no gradient. */
export function embedding(table: Tensor, ids: Tensor): Tensor {
  expectRank("embedding", "table", table, 2, "[V, D]");
  expectDType("embedding", "table", table, "f32");
  expectDType("embedding", "ids", ids, "i32");
  const [vocab, dim] = table.shape;
  const rows = ids.size;
  const { backend } = table.device;
  const y = empty(table.device, [...ids.shape, dim], "f32", "embedding");
  backend.enqueue("gatherRows", { table: table.buffer, ids: ids.buffer, y: y.buffer, rows, dim, vocab });
  record("embedding", [table], [y], [ids], ([dy], [sink], [savedIds]) => {
    if (!dy || !sink) return;
    const { out, accumulate } = sink.target();
    if (!accumulate) fill(out, 0);
    backend.enqueue("scatterAddRows", { dy: dy.buffer, ids: savedIds.buffer, dtable: out.buffer, rows, dim, vocab });
  });
  return y;
}
