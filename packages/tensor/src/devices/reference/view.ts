import type { KernelArguments, KernelName } from "../../kernels/index.ts";

/** The elements of a buffer, as float64 whatever the dtype. */
export type View = Float64Array<ArrayBufferLike>;

/** Implementations of some kernels. */
export type Implementations<K extends KernelName> = { readonly [P in K]: (args: KernelArguments<P, View>) => void };

const scratch = new DataView(new ArrayBuffer(4));

/** Nearest bf16, ties to even; NaN stays NaN. */
export function roundToBf16(value: number): number {
  if (Number.isNaN(value)) return Number.NaN;
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  const rounded = (bits + 0x7fff + ((bits >>> 16) & 1)) & 0xffff0000;
  scratch.setUint32(0, rounded >>> 0);
  return scratch.getFloat32(0);
}

export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** array[index] = value, plus what was there if `accumulate`. */
export function put(array: View, index: number, value: number, accumulate: number): void {
  array[index] = accumulate ? array[index] + value : value;
}
