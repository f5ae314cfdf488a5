import type { Backend } from "../backend.ts";
import { bytesPerElement, type FloatDType } from "../dtype.ts";

/**
 * A backend that computes nothing and holds nothing: what memory a step needs depends on its calls alone, so its arena can be measured at any
 * size on any machine. `activations` as on the device that is meant. Reads give zeros.
 */
export function openCountingBackend(activations: FloatDType = "f32"): Backend {
  const handle = (byteLength: number) => ({ byteLength });
  return {
    description: { kind: "counting", threads: 1, matmul: "none" },
    bytesPerElement,
    activations,
    blockElements: 2 << 20,
    alloc: handle,
    slice: (_buffer, _offset, byteLength) => handle(byteLength),
    free() {},
    write() {},
    enqueue() {},
    read: async (_buffer, _dtype, length) => new Float32Array(length),
    capture: () => ({ kernelCount: 0 }),
    launch() {},
    stats: () => ({ allocatedBytes: 0, reservedBytes: 0 }),
    close: async () => {},
  };
}
