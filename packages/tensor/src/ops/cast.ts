import { empty, type Tensor } from "../tensor.ts";

/** x as bf16 (rounded to nearest, ties to even) or as f32: for storage, without a gradient. */
export function cast(x: Tensor, dtype: "f32" | "bf16"): Tensor {
  if (x.dtype === dtype) return x;
  if (x.dtype === "i32") throw new Error(`cast: from i32 to ${dtype} is not supported, only between f32 and bf16`);
  const y = empty(x.device, x.shape, dtype, "cast");
  const kernel = dtype === "bf16" ? "castF32ToBf16" : "castBf16ToF32";
  x.device.backend.enqueue(kernel, { x: x.buffer, y: y.buffer, n: x.size });
  return y;
}
