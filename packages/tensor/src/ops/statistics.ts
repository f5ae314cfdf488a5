import { binaryOps, reduceOps } from "../kernels/index.ts";
import { scope } from "../scope.ts";
import { formatShape } from "../shape.ts";
import { empty, type Tensor } from "../tensor.ts";

/**
 * target[h] = max(target[h], max over b and s of x[b, h, s]): gathers the largest logits per head on the device, without
 * a gradient. x [B, H, S], target [H].
 */
export function maxInto(x: Tensor, target: Tensor): void {
  const [batch, heads, sequence] = x.shape;
  if (x.shape.length !== 3 || target.size !== heads) {
    throw new Error(`maxInto: x ${formatShape(x.shape)} does not fit target ${formatShape(target.shape)}`);
  }
  if (x.size === 0) return;
  const { device } = x;
  const { backend } = device;
  const op = reduceOps.indexOf("max");
  scope(device, () => {
    const perSequence = empty(device, [batch, heads], "f32", "maxInto");
    const perHead = empty(device, [heads], "f32", "maxInto");
    backend.enqueue("reduce", {
      x: x.buffer,
      y: perSequence.buffer,
      outer: batch * heads,
      axis: sequence,
      inner: 1,
      op,
      accumulate: 0,
    });
    backend.enqueue("reduce", {
      x: perSequence.buffer,
      y: perHead.buffer,
      outer: 1,
      axis: batch,
      inner: heads,
      op,
      accumulate: 0,
    });
    backend.enqueue("binary", {
      a: target.buffer,
      b: perHead.buffer,
      y: target.buffer,
      rows: 1,
      columns: heads,
      aRow: 0,
      aColumn: 1,
      bRow: 0,
      bColumn: 1,
      op: binaryOps.indexOf("max"),
    });
  });
}
