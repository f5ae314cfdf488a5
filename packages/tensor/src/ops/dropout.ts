import { record } from "../autograd.ts";
import { empty, type Tensor } from "../tensor.ts";
import { expectDType, expectTensor } from "./check.ts";

/**
 * x with each element set to 0 with probability p, the others divided by 1 − p (Srivastava et al. 2014).
 *
 * @param state i32 [4] on the device: Philox key (low, high) and two counter words. Write a new counter each step; the argument itself
 *   stays the same, so that a step can be replayed.
 * @param stream tells the dropouts of a step apart.
 * @throws if p is not in [0, 1)
 */
export function dropout(x: Tensor, p: number, state: Tensor, stream: number): Tensor {
  expectDType("dropout", "x", x, "f32");
  expectTensor("dropout", "state", state, [4], "i32");
  if (!(p >= 0 && p < 1)) throw new Error(`dropout: p is ${p}, expected 0 ≤ p < 1`);
  if (p === 0) return x;
  const { device, size: n } = x;
  const { backend } = device;
  const y = empty(device, x.shape, "f32", "dropout");
  backend.enqueue("dropout", { x: x.buffer, state: state.buffer, y: y.buffer, n, stream, p, accumulate: 0 });
  record("dropout", [x], [y], [state], ([dy], [sink], [savedState]) => {
    if (!dy || !sink) return;
    const { out, accumulate } = sink.target();
    backend.enqueue("dropout", { x: dy.buffer, state: savedState.buffer, y: out.buffer, n, stream, p, accumulate });
  });
  return y;
}
