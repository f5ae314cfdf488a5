/** Products with fp8e4m3 weights on the reference: against the definition, and how far they are from f32. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createDevice,
  dequantize,
  e4m3Values,
  empty,
  linear,
  matmul,
  normal,
  openReferenceBackend,
  openWasmBackend,
  part,
  quantizeFrom,
  quantizeInto,
  quantizeTiles,
  recordBackend,
  reshape,
  scope,
  storeBlocks,
  tensor,
} from "@baltoro/tensor";
import { fp8Conforms, manyRowsConform } from "./conformance/index.ts";

const device = createDevice(openReferenceBackend());

test("fp8e4m3 on the reference is what checkpoints are", (t) =>
  fp8Conforms(t, device.backend, 11, { relative: 1e-12 }));

/** Largest distance of x from its e4m3 value, of a block with this scale: half a step of its power of two, or of the subnormal numbers. */
const roundingError = (x: number, scale: number) => Math.max(Math.abs(x) / 16, scale * 2 ** -10) * (1 + 1e-6);

test("a product with quantized weights is as far from f32 as rounding to four bits allows, and no farther", async () => {
  const [m, n, k] = [3, 136, 520];
  const [x, w] = [normal(1, 0, m * k), normal(1, 1, n * k, 0.02)];
  const weight = empty(device, [n, k], "fp8e4m3", "weight");
  quantizeInto(weight, w);
  const product = await linear(tensor(device, x, [m, k]), weight).read();
  const scales = new Map<number, number>();
  for (let i = 0; i < n * k; i++) {
    const block = Math.floor(i / k / 128) * 8 + Math.floor((i % k) / 128);
    scales.set(block, Math.max(scales.get(block) ?? 0, Math.abs(w[i]) / 448));
  }
  let [error, size] = [0, 0];
  for (let r = 0; r < m; r++) {
    for (let j = 0; j < n; j++) {
      let [exact, bound] = [0, 0];
      for (let p = 0; p < k; p++) {
        const scale = scales.get(Math.floor(j / 128) * 8 + Math.floor(p / 128)) as number;
        exact += x[r * k + p] * w[j * k + p];
        bound += Math.abs(x[r * k + p]) * roundingError(w[j * k + p], scale);
      }
      const difference = Math.abs(product[r * n + j] - exact);
      assert.ok(difference <= bound, `[${r}, ${j}] is off by ${difference}, at most ${bound}`);
      error += difference ** 2;
      size += exact ** 2;
    }
  }
  // Rounding x·2⁻³ steps of uniform position: 2⁻⁴ / √3 of the largest of a binade, 0.026 on average.
  const relative = Math.sqrt(error / size);
  assert.ok(relative > 0.015 && relative < 0.035, `relative error ${relative}`);
});

test("activations by tiles: every value within its step, and the largest of a tile exact", async () => {
  const [rows, columns] = [5, 388];
  const x = normal(2, 0, rows * columns, 3);
  const { codes, scales } = quantizeTiles(tensor(device, x, [rows, columns]));
  const bytes = new Uint8Array(Int32Array.from(await codes.read()).buffer);
  const scale = await scales.read();
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const s = scale[Math.floor(c / 128) * rows + r];
      const at = r * columns + c;
      const difference = Math.abs(e4m3Values[bytes[at]] * s - x[at]);
      assert.ok(difference <= roundingError(x[at], s), `[${r}, ${c}] is off by ${difference}`);
    }
    for (let tile = 0; tile * 128 < columns; tile++) {
      const values = x.subarray(r * columns + tile * 128, r * columns + Math.min(columns, tile * 128 + 128));
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      assert.equal(scale[tile * rows + r], Math.fround(largest / 448));
    }
  }
});

test("a tensor on the device is quantized as host values are", async () => {
  const [experts, n, k] = [3, 136, 144];
  const values = normal(3, 0, experts * n * k);
  const [a, b] = ["a", "b"].map((label) => empty(device, [experts, n, k], "fp8e4m3", label));
  quantizeFrom(a, tensor(device, values, [experts, n, k]));
  quantizeInto(b, values);
  assert.deepEqual(await dequantize(a).read(), await dequantize(b).read());
});

test("what does not fit is refused, with what would", () => {
  const weight = empty(device, [300, 72], "fp8e4m3", "weight");
  const x = tensor(device, new Float32Array(144), [2, 72]);
  const refused: readonly [() => unknown, RegExp][] = [
    [
      () => quantizeInto(weight, new Float32Array(72 * 100)),
      /7200 values from row 0 .* "weight" \[300, 72\].*multiple of 128/,
    ],
    [() => quantizeInto(weight, new Float32Array(72 * 128), { firstRow: 64 }), /from row 64/],
    [() => quantizeInto(weight, new Float32Array(72 * 128), { firstRow: 256 }), /from row 256/],
    [() => quantizeInto(weight, new Float32Array(72 * 128), { matrix: 1 }), /of matrix 1/],
    [() => quantizeInto(weight, new Float32Array(71)), /71 values/],
    [() => quantizeInto(x, new Float32Array(144)), /x?.*dtype f32, expected fp8e4m3/],
    [
      () => storeBlocks(weight, new Uint8Array(72 * 128), new Float32Array(2)),
      /2 scales for 128 rows of 72, expected 1/,
    ],
    [() => weight.write(new Float32Array(300 * 72)), /fp8e4m3 is written by quantizeInto/],
    [() => reshape(weight, [150, 144]), /fp8e4m3/],
    [() => part(weight, 0, [100, 72]), /fp8e4m3/],
    [() => empty(device, [8], "fp8e4m3"), /matrices.*\[8\]/],
    [() => matmul(x, weight), /fp8e4m3.*transposed/],
    [() => matmul(weight, x, { transposeB: true }), /fp8e4m3/],
    [() => dequantize(x), /expected fp8e4m3/],
    [() => quantizeTiles(tensor(device, new Float32Array(6), [2, 3])), /no multiple of 4/],
  ];
  for (const [attempt, message] of refused) assert.throws(attempt, message);
});

test("scopes give the scales' memory back too", () => {
  const before = device.backend.stats().allocatedBytes;
  scope(device, () => {
    quantizeInto(empty(device, [256, 256], "fp8e4m3"), normal(4, 0, 256 * 256));
    return [];
  });
  const held = device.backend.stats().allocatedBytes;
  scope(device, () => {
    quantizeInto(empty(device, [256, 256], "fp8e4m3"), normal(4, 0, 256 * 256));
    return [];
  });
  assert.equal(device.backend.stats().allocatedBytes, held);
  assert.ok(held >= before);
});

test("a device without fp8e4m3 says so", () => {
  const without = createDevice(recordBackend(openReferenceBackend()));
  assert.throws(() => empty(without, [128, 128], "fp8e4m3", "weight"), /reference device keeps no weights in fp8e4m3/);
});

test("products of many rows on the reference", (t) => manyRowsConform(t, device.backend, 21, "f32"));

for (const threads of [1, 2, 3]) {
  test(`the WASM device agrees with the reference on ${threads} thread${threads > 1 ? "s" : ""}`, async (t) => {
    const wasm = await openWasmBackend({ threads });
    try {
      await fp8Conforms(t, wasm, 100 * threads, { relative: 2e-6 });
      await manyRowsConform(t, wasm, 100 * threads + 50, "f32");
    } finally {
      await wasm.close();
    }
  });
}

test("on the WASM device, too, weights that are NaN or turned the wrong way show", async () => {
  const wasm = createDevice(await openWasmBackend({ threads: 2 }));
  try {
    const weight = empty(wasm, [8, 48], "fp8e4m3", "weight");
    const codes = new Uint8Array(8 * 48).fill(0x38);
    codes[5 * 48 + 7] = 0xff;
    codes[6 * 48 + 47] = 0x7f;
    storeBlocks(weight, codes, Float32Array.of(2));
    for (const rows of [1, 3, 9]) {
      const product = await linear(tensor(wasm, new Float32Array(rows * 48).fill(1), [rows, 48]), weight).read();
      for (let i = 0; i < product.length; i++) {
        if (i % 8 === 5 || i % 8 === 6) assert.ok(Number.isNaN(product[i]), `${rows} rows, ${i}`);
        else assert.equal(product[i], 96, `${rows} rows, ${i}`);
      }
    }
    const x = tensor(wasm, new Float32Array(8), [1, 8]);
    const out = empty(wasm, [1, 48]);
    assert.throws(
      () =>
        wasm.backend.enqueue("gemm", {
          ...{ a: x.buffer, b: weight.buffer, c: null, bias: null, d: out.buffer, batch: 1, m: 1, n: 48, k: 8 },
          ...{ lda: 8, ldb: 48, ldc: 48, ldd: 48, strideA: 0, strideB: 0, strideC: 0, strideD: 0 },
          ...{ transposeA: 0, transposeB: 0, alpha: 1, beta: 0, symmetric: 0 },
        }),
      /fp8e4m3 weights must be transposed/,
    );
    assert.throws(
      () => wasm.backend.enqueue("axpby", { x: weight.buffer, y: x.buffer, n: 8, alpha: 1, beta: 0 }),
      /axpby: x is fp8e4m3/,
    );
  } finally {
    await wasm.close();
  }
});
