import type { FloatDType } from "./dtype.ts";
import { dequantizeTiles, quantizeTiles } from "./ops/fp8.ts";
import type { Tensor } from "./tensor.ts";

/**
 * From here on, what saves this tensor for its backward pass gets it back from e4m3 codes with a scale per tile of 1 × 128: a byte and a bit for
 * each element, and rounding to four bits in the gradients (K2 report, §2.4). The tensor itself stays exact, and so does the forward
 * pass. Nothing changes where nothing is recorded, for tensors that are computed again anyway, and for rows of no multiple of 4 elements.
 *
 * @returns x
 */
export function compressForBackward(x: Tensor): Tensor {
  const { device, shape, storage } = x;
  if (!device.tape.enabled || !x.requiresGrad || storage.origin || (shape.at(-1) ?? 1) % 4 !== 0) return x;
  const dtype = x.dtype as FloatDType;
  let holders = 0;
  let stored: { readonly codes: Tensor; readonly scales: Tensor } | null = null;
  let restored: Tensor | null = null;
  storage.origin = {
    retain(tensor) {
      holders++;
      if (stored) return;
      using view = tensor.alias(shape);
      const { codes, scales } = quantizeTiles(view);
      // Those belong to the scope that is open; they must last until the backward pass.
      stored = { codes: codes.alias(), scales: scales.alias() };
      codes.release();
      scales.release();
    },
    restore() {
      if (!stored) throw new Error(`"${x.label}" is restored before anything has saved it`);
      restored ??= dequantizeTiles(stored.codes, stored.scales, shape, dtype);
      return restored;
    },
    release() {
      if (--holders > 0) return;
      for (const tensor of [stored?.codes, stored?.scales, restored]) tensor?.release();
      stored = null;
      restored = null;
    },
  };
  return x;
}
