import assert from "node:assert/strict";
import type { Backend } from "@baltoro/tensor";

/** bf16 rounds to nearest even, keeps NaN, and comes back exactly. */
export async function roundsToBf16(backend: Backend): Promise<void> {
  const values = Float32Array.from([1, 1.00390625, 1.01171875, -3.14, Number.NaN, Number.POSITIVE_INFINITY, 1e-40, 0]);
  const [x, y, z] = [0, 1, 2].map(() => backend.alloc(64, "bf16"));
  backend.write(x, "f32", values);
  backend.enqueue("castF32ToBf16", { x, y, n: values.length });
  backend.enqueue("castBf16ToF32", { x: y, y: z, n: values.length });
  const back = Array.from(await backend.read(z, "f32", values.length));
  assert.deepEqual(back.slice(0, 4), [1, 1, 1.015625, -3.140625]);
  assert.ok(Number.isNaN(back[4]));
  assert.equal(back[5], Number.POSITIVE_INFINITY);
  assert.deepEqual(Array.from(await backend.read(y, "bf16", 4)), back.slice(0, 4));
}
