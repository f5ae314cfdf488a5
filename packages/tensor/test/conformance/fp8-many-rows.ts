import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type Backend, createDevice, e4m3Values, openReferenceBackend, quantizeTiles, tensor } from "@baltoro/tensor";
import { seedDraws } from "./draw.ts";
import { manyRowCases, type ProductCase, runProduct } from "./fp8-products.ts";

/** ‖a − b‖ / ‖b‖. */
function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [error, size] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    error += (a[i] - b[i]) ** 2;
    size += b[i] ** 2;
  }
  return Math.sqrt(error / size);
}

/** The case with activations `name` [rows, k] as their tiles' codes say. */
async function withQuantized(
  product: ProductCase,
  name: string,
  k: number,
  dtype: "f32" | "bf16",
): Promise<ProductCase> {
  const reference = createDevice(openReferenceBackend());
  const values = product.args[name] as Float32Array;
  const rows = values.length / k;
  const { codes, scales } = quantizeTiles(tensor(reference, values, [rows, k], dtype));
  const bytes = new Uint8Array(Int32Array.from(await codes.read()).buffer);
  const scale = await scales.read();
  const quantized = values.map(
    (_, i) => e4m3Values[bytes[i]] * scale[Math.floor((i % k) / 128) * rows + Math.floor(i / k)],
  );
  return { ...product, args: { ...product.args, [name]: quantized } };
}

/**
 * Products of many rows agree with the reference, activations either as they are or quantized by tiles; and where they were quantized, they
 * are as far from the former as four bits of each allow (2⁻⁴/√3 for each operand at most, both together 0.052).
 */
export async function manyRowsConform(
  t: TestContext,
  backend: Backend,
  firstSeed: number,
  dtype: "f32" | "bf16",
): Promise<void> {
  seedDraws(firstSeed);
  const device = createDevice(backend);
  const reference = createDevice(openReferenceBackend());
  const limit = dtype === "bf16" ? 6e-3 : 1e-5;
  for (const [kernel, activations, cases] of [
    ["gemm", "a", manyRowCases.gemm()],
    ["groupedGemm", "x", manyRowCases.groupedGemm()],
  ] as const) {
    await t.test(kernel, async () => {
      for (const [number, product] of cases.entries()) {
        const [output] = product.outputs;
        const run = async (on: typeof device, given: ProductCase, type: "f32" | "bf16") =>
          (await runProduct(on, kernel, given, type)).get(output) as ArrayLike<number>;
        const actual = await run(device, product, dtype);
        const plain = await run(reference, product, dtype);
        const quantized = await withQuantized(product, activations, product.args["k"] as number, dtype);
        const [toPlain, toQuantized] = [
          distance(actual, plain),
          // Quantized values are not rounded to bf16 again.
          distance(actual, await run(reference, quantized, "f32")),
        ];
        assert.ok(Math.min(toPlain, toQuantized) < limit, `case ${number}: ${toPlain}, quantized ${toQuantized}`);
        assert.ok(toPlain < 0.052, `case ${number}: ${toPlain} from activations as they are`);
      }
    });
  }
}
