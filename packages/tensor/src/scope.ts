import type { Device } from "./device.ts";
import { Tensor } from "./tensor.ts";

/**
 * Runs `body` and ends the tensors made in it, except those it returns (a tensor, or an array or record of them), which
 * belong to the scope around it. What the tape saved for the backward pass stays until that has run.
 *
 * The outermost scope is a step: when it ends, the tape is emptied too, and the arena is as it was before, so that the
 * next step gets the same addresses.
 *
 * @example
 * const loss = scope(device, () => {
 *   const hidden = matmul(x, w);
 *   return mean(hidden);
 * });
 */
export function scope<T>(device: Device, body: () => T): T {
  const { memory, tape } = device;
  memory.open();
  const kept = new Set<Tensor>();
  try {
    const result = body();
    if (result instanceof Promise) {
      throw new Error("scope: the body is asynchronous. Work in a scope only enqueues: await reads outside of it");
    }
    collectTensors(result, kept);
    return result;
  } finally {
    if (memory.depth === 1) tape.clear();
    memory.close(kept);
  }
}

function collectTensors(value: unknown, into: Set<Tensor>): void {
  if (value instanceof Tensor) into.add(value);
  else if (Array.isArray(value)) for (const item of value) collectTensors(item, into);
  else if (value !== null && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype) {
    for (const item of Object.values(value)) collectTensors(item, into);
  }
}
