import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { chooseBlas, describeBlas, findOpenBlas, matmul, openDevice, scope, tensor } from "../src/index.ts";

const before = process.env["BALTORO_BLAS"];
afterEach(() => {
  if (before === undefined) delete process.env["BALTORO_BLAS"];
  else process.env["BALTORO_BLAS"] = before;
});

test("BALTORO_BLAS turns the BLAS off, or names one that must be there", async () => {
  process.env["BALTORO_BLAS"] = "0";
  assert.equal(chooseBlas().path, null);
  process.env["BALTORO_BLAS"] = "/nowhere/libblas.so";
  assert.throws(chooseBlas, /nowhere\/libblas\.so: there is no such file/);
  await assert.rejects(openDevice("wasm", { threads: 1 }), /there is no such file/);
  process.env["BALTORO_BLAS"] = import.meta.filename;
  await assert.rejects(openDevice("wasm", { threads: 1 }), /cannot (be loaded|start)/);
});

const skip = findOpenBlas() === null ? "no OpenBLAS on this machine" : false;
test("a product through the BLAS is that of the kernels", { skip }, async () => {
  const [m, n, k] = [67, 129, 93];
  const values = (count: number, seed: number) => Array.from({ length: count }, (_, i) => Math.sin(i * seed));
  const product = async (blas: string, transposeA: boolean, transposeB: boolean) => {
    process.env["BALTORO_BLAS"] = blas;
    const device = await openDevice("wasm", { threads: 2 });
    try {
      const result = scope(device, () => {
        const a = tensor(device, values(m * k, 1.1), transposeA ? [k, m] : [m, k]);
        const b = tensor(device, values(k * n, 1.7), transposeB ? [n, k] : [k, n]);
        return matmul(a, b, { transposeA, transposeB });
      });
      return await result.read();
    } finally {
      await device.close();
    }
  };
  const path = findOpenBlas() as string;
  assert.match(describeBlas(path), /OpenBLAS/);
  for (const transposeA of [false, true]) {
    for (const transposeB of [false, true]) {
      const expected = await product("0", transposeA, transposeB);
      const actual = await product(path, transposeA, transposeB);
      assert.equal(actual.length, m * n);
      for (const [i, value] of actual.entries()) assert.ok(Math.abs(value - expected[i]) < 1e-4, `element ${i}`);
    }
  }
});
