import { record } from "../autograd.ts";
import { empty, fill, type Tensor } from "../tensor.ts";
import { expectDType, expectRank } from "./check.ts";

/** Rows of a table: table [V, D], ids i32 [...] → [..., D] in the dtype of the device's activations. An id outside the table gives zeros and no gradient. */
export function embedding(table: Tensor, ids: Tensor): Tensor {
  expectRank("embedding", "table", table, 2, "[V, D]");
  expectDType("embedding", "table", table, "float");
  expectDType("embedding", "ids", ids, "i32");
  const [vocab, dim] = table.shape;
  const rows = ids.size;
  const { backend } = table.device;
  const dtype = table.dtype === "bf16" ? "bf16" : backend.activations;
  const y = empty(table.device, [...ids.shape, dim], dtype, "embedding");
  backend.enqueue("gatherRows", { table: table.buffer, ids: ids.buffer, y: y.buffer, rows, dim, vocab });
  record("embedding", [table], [y], [ids], ([dy], [sink], [savedIds]) => {
    if (!dy || !sink) return;
    const { out, accumulate } = sink.target();
    if (!accumulate) fill(out, 0);
    backend.enqueue("scatterAddRows", { dy: dy.buffer, ids: savedIds.buffer, dtable: out.buffer, rows, dim, vocab });
  });
  return y;
}
