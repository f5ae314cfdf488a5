/** Which way the CUDA device takes products with fp8e4m3 weights, on a launcher and a library that write down what they are told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CublasLt, Product } from "../src/devices/cuda/cublas-lt.ts";
import { NoAlgorithmError } from "../src/devices/cuda/cublas-lt.ts";
import type { Launcher } from "../src/devices/cuda/launcher.ts";
import { createFp8Products } from "../src/devices/cuda/products-fp8.ts";
import { fp8Layout, scalePitch } from "../src/fp8-layout.ts";

interface Launched {
  readonly name: string;
  readonly values: readonly number[];
  readonly macros: readonly string[];
  readonly fp8: readonly string[];
}

function makeDevice({ version = 130000, chip = "sm_90a", refuse = false } = {}) {
  const launched: Launched[] = [];
  const multiplied: { product: Product; types: { a: string; b: string; d: string } }[] = [];
  let fp8: readonly string[] = [];
  const launch = (name: string, values: readonly number[], macros: readonly string[] = []) =>
    launched.push({ name, values, macros, fp8 });
  const launcher = {
    chip,
    stream: 9,
    setTypes(_bf16: readonly string[], _may?: boolean, weights: readonly string[] = []) {
      fp8 = weights;
    },
    launch: (
      _file: string,
      name: string,
      _g: unknown,
      _b: unknown,
      signature: string,
      values: number[],
      ...rest: unknown[]
    ) => {
      assert.equal(signature.length, values.length, name);
      launch(name, values, rest[1] as string[] | undefined);
    },
    launchCompiled: ({ name, values }: { name: string; values: readonly number[] }) => launch(name, values),
  } as unknown as Launcher;
  const blas = {
    version,
    multiply(product: Product, types: { a: string; b: string; d: string }) {
      if (refuse && types.a === "fp8e4m3") throw new NoAlgorithmError("gemm: cuBLASLt has no algorithm for it");
      multiplied.push({ product, types });
    },
  } as unknown as CublasLt;
  const rooms: [number, number][] = [];
  const room = (slot: number, bytes: number) => {
    rooms.push([slot, bytes]);
    return 1000 * (slot + 1);
  };
  return { products: createFp8Products({ launcher, blas, room }), launched, multiplied, rooms };
}

function buffer(dtype: "bf16" | "f32" | "fp8e4m3", address: number) {
  const root = { owner: {}, address, byteLength: 1 << 20, freed: false, shadow: null };
  return { address, byteLength: 1 << 20, dtype, root };
}

const sizes = (m: number, n: number, k: number) => ({
  ...{ a: 1, b: 4096, c: 0, bias: 0, d: 3, batch: 1, m, n, k, lda: k, ldb: k, ldc: n, ldd: n },
  ...{ strideA: 0, strideB: 0, strideC: 0, strideD: 0, transposeA: 0, transposeB: 1, alpha: 1, beta: 0 },
});
const buffers = (activations: "bf16" | "f32" = "bf16") => ({
  ...{ a: buffer(activations, 1), b: buffer("fp8e4m3", 4096), c: null, d: buffer(activations, 3), bias: null },
});

test("matrices and their scales lie where kernels and cuBLASLt look for them", () => {
  assert.deepEqual(fp8Layout(128, 128), { scalesAt: 128 * 128, matrixBytes: 128 * 128 + 256 });
  // 7 blocks across, padded to 8, and 2 down.
  assert.equal(scalePitch(784), 8);
  assert.deepEqual(fp8Layout(130, 784), { scalesAt: 102144, matrixBytes: 102144 + 256 });
  assert.equal(fp8Layout(7168, 18432).matrixBytes, 7168 * 18432 + 4 * 56 * 144);
});

test("few rows read the codes, early unless a kernel has just written them", () => {
  const { products, launched, multiplied } = makeDevice();
  assert.equal(products.multiply(sizes(3, 64, 256), buffers(), true, true), null);
  assert.equal(products.multiply(sizes(3, 64, 256), buffers(), true, false), null);
  assert.deepEqual(
    launched.map(({ name, macros, fp8 }) => [name, macros, fp8]),
    [
      ["fewRows", ["ROWS=4", "OVERLAPPED"], ["b"]],
      ["fewRows", ["ROWS=4"], ["b"]],
    ],
  );
  assert.equal(multiplied.length, 0);
});

test("many rows quantize activations for cuBLASLt, which is given both operands' scales", () => {
  const { products, launched, multiplied, rooms } = makeDevice();
  assert.equal(products.multiply(sizes(64, 160, 272), buffers(), false, true), null);
  assert.deepEqual(
    launched.map(({ name, values }) => [name, values]),
    [["quantizeTiles", [1, 1000, 4000, 64, 272]]],
  );
  assert.deepEqual(rooms, [
    [0, 64 * 272],
    [3, 4 * 3 * 64],
  ]);
  const [{ product, types }] = multiplied;
  assert.deepEqual(types, { a: "fp8e4m3", b: "fp8e4m3", d: "bf16" });
  assert.deepEqual([product.a, product.b], [1000, 4096]);
  assert.deepEqual(product.scales, { a: 4000, b: 4096 + fp8Layout(160, 272).scalesAt });
  assert.equal(products.counts.quantized, 1);
});

test("what cuBLASLt refuses is dequantized, and not asked again", () => {
  const { products, launched } = makeDevice({ refuse: true });
  for (let i = 0; i < 2; i++) {
    const weights = products.multiply(sizes(64, 160, 272), buffers(), false, true);
    assert.deepEqual([weights?.dtype, weights?.address], ["bf16", 2000]);
  }
  assert.deepEqual(
    launched.map(({ name }) => name),
    ["quantizeTiles", "dequantizeBlocks", "dequantizeBlocks"],
  );
  assert.deepEqual([products.counts.dequantized, products.counts.refusals.length], [2, 1]);
});

test("other chips, older libraries, odd sizes and activations in f32 dequantize at once", () => {
  for (const [options, product, activations] of [
    [{ chip: "sm_80" }, sizes(64, 160, 272), "bf16"],
    [{ chip: "sm_100a" }, sizes(64, 160, 272), "bf16"],
    [{ version: 120800 }, sizes(64, 160, 272), "bf16"],
    [{}, sizes(66, 160, 272), "bf16"],
    [{}, sizes(64, 168, 272), "bf16"],
    [{}, sizes(64, 160, 264), "bf16"],
    [{}, sizes(64, 160, 272), "f32"],
    [{}, { ...sizes(64, 272, 160), transposeB: 0, ldb: 272 }, "bf16"],
  ] as const) {
    const { products, launched, multiplied } = makeDevice(options);
    const weights = products.multiply(product, buffers(activations), false, true);
    assert.equal(weights?.dtype, activations);
    assert.deepEqual(
      launched.map(({ name }) => name),
      ["dequantizeBlocks"],
    );
    const rows = product.transposeB ? product.n : product.k;
    assert.deepEqual(launched[0].values.slice(2), [1, rows, product.ldb]);
    assert.equal(multiplied.length, 0);
  }
});

test("a matrix that is no dense one is refused", () => {
  const { products } = makeDevice();
  assert.throws(
    () => products.multiply({ ...sizes(64, 160, 272), ldb: 300 }, buffers(), false, true),
    /one dense matrix.*ldb 300/,
  );
  assert.throws(() => products.multiply({ ...sizes(64, 160, 272), batch: 2 }, buffers(), false, true), /batch 2/);
});

test("experts' rows read codes; only what the kernels do not take is dequantized", () => {
  const given = { x: 1, w: 4096, y: 3, offsets: 4, rows: 40, experts: 8, n: 64, k: 72, transposeW: 1, accumulate: 0 };
  const on = { x: buffer("bf16", 1), w: buffer("fp8e4m3", 4096), y: buffer("bf16", 3) };
  const names = (
    args: typeof given,
    few: boolean,
    fits: boolean,
    operands: Parameters<typeof products.multiplyGrouped>[1],
  ) => {
    const device = makeDevice();
    device.products.multiplyGrouped(args, operands, few, fits);
    return device.launched.map(({ name, fp8 }) => [name, ...fp8].join(" "));
  };
  const { products } = makeDevice();
  const inF32 = { ...on, x: buffer("f32", 1), y: buffer("f32", 3) };
  assert.deepEqual(names(given, true, true, on), ["fewRowsGrouped w"]);
  assert.deepEqual(names({ ...given, rows: 400 }, false, true, on), ["groupedGemmTransposedMma w"]);
  assert.deepEqual(names({ ...given, transposeW: 0 }, false, true, on), ["dequantizeBlocks", "groupedGemmMma"]);
  assert.deepEqual(names(given, true, true, inF32), ["dequantizeBlocks", "groupedGemm"]);
  assert.deepEqual(names({ ...given, k: 70 }, false, false, on), ["dequantizeBlocks", "groupedGemm"]);
});
