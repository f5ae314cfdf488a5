import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import {
  type Backend,
  createDevice,
  dequantize,
  dequantizeBlockRow,
  e4m3Values,
  empty,
  fusedKernels,
  openReferenceBackend,
  quantizeBlockRow,
  quantizeInto,
  storeBlocks,
  type Tensor,
} from "@baltoro/tensor";
import { integers, positive, random, seedDraws } from "./draw.ts";
import { difficultValues } from "./fp8-cases.ts";
import { productCases, runProduct } from "./fp8-products.ts";

const block = 128;
const shapes = [
  [1, 8],
  [128, 128],
  [130, 264],
  [256, 40],
  [300, 520],
] as const;

async function valuesOf(weight: Tensor): Promise<number[]> {
  using y = dequantize(weight);
  return Array.from(await y.read());
}

/** Host values in blocks, by the functions that write checkpoints. */
function onHost(values: Float32Array, rows: number, columns: number): number[] {
  const result = new Float32Array(values.length);
  for (let row = 0; row < rows; row += block) {
    const [from, to] = [row * columns, Math.min(rows, row + block) * columns];
    const codes = new Uint8Array(to - from);
    const scales = new Float32Array(Math.ceil(columns / block));
    quantizeBlockRow(values.subarray(from, to), columns, block, codes, scales);
    dequantizeBlockRow(codes, columns, block, scales, result.subarray(from, to));
  }
  return Array.from(result);
}

/** Quantizing, storing and reading back give the bits of the definition; products agree with the reference on the same weights. */
export async function fp8Conforms(
  t: TestContext,
  backend: Backend,
  firstSeed: number,
  options: { readonly relative: number; readonly dtype?: "f32" | "bf16"; readonly fused?: boolean },
): Promise<void> {
  const { relative, dtype = "f32", fused = !!backend.fusedRows } = options;
  seedDraws(firstSeed);
  const device = createDevice(backend);
  const reference = createDevice(openReferenceBackend());
  const stored = (on = device, shape: readonly number[] = [1, 1]) => empty(on, shape, "fp8e4m3", "weights");

  await t.test("blocks of 128 × 128 as checkpoints have them, ragged edges too", async () => {
    for (const [rows, columns] of shapes) {
      const values = random(rows * columns, 0.02);
      const weight = stored(device, [rows, columns]);
      quantizeInto(weight, values);
      assert.deepEqual(await valuesOf(weight), onHost(values, rows, columns), `[${rows}, ${columns}]`);
      weight.release();
    }
  });

  await t.test("zeros, tiny values and what is not finite", async () => {
    for (const [rows, columns] of shapes) {
      const values = difficultValues(rows, columns);
      const [weight, expected] = [stored(device, [rows, columns]), stored(reference, [rows, columns])];
      for (const target of [weight, expected]) quantizeInto(target, values);
      assert.deepEqual(await valuesOf(weight), await valuesOf(expected), `[${rows}, ${columns}]`);
      weight.release();
    }
  });

  await t.test("codes and scales of a checkpoint, in pieces and in any order", async () => {
    const [experts, rows, columns] = [3, 200, 136];
    const [weight, expected] = [device, reference].map((on) => stored(on, [experts, rows, columns]));
    for (const [matrix, firstRow] of [
      [2, 0],
      [0, 128],
      [1, 0],
      [0, 0],
      [2, 128],
      [1, 128],
    ]) {
      const count = (firstRow === 0 ? block : rows - block) * columns;
      const codes = Uint8Array.from(integers(count, 256));
      const scales = positive(2);
      for (const target of [weight, expected]) storeBlocks(target, codes, scales, { matrix, firstRow });
    }
    const found = await valuesOf(weight);
    assert.deepEqual(found, await valuesOf(expected));
    assert.ok(found.some(Number.isNaN) && found.some((value) => Math.abs(value) > e4m3Values[0x7e] / 2));
    weight.release();
  });

  for (const { name, kernel, make } of productCases) {
    if (!fused && (fusedKernels as readonly string[]).includes(kernel)) continue;
    await t.test(name, async () => {
      for (const [number, product] of make().entries()) {
        const actual = await runProduct(device, kernel, product, dtype);
        for (const [key, values] of await runProduct(reference, kernel, product, dtype)) {
          const found = actual.get(key) as ArrayLike<number>;
          const size = Math.max(1e-2, ...Array.from(values, Math.abs));
          for (let i = 0; i < values.length; i++) {
            const good = Math.abs(found[i] - values[i]) <= relative * size;
            assert.ok(good, `case ${number}, ${key}[${i}]: ${found[i]}, reference ${values[i]} of ${size}`);
          }
        }
      }
    });
  }
}
