/** The CUDA backend. Skips, saying why, where there is no GPU: `npm run test:gpu` fails there instead. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  type CudaBackend,
  CudaUnavailableError,
  createDevice,
  kernelFiles,
  kernelSource,
  linear,
  loadLibrary,
  openCudaBackend,
  scope,
  tensor,
} from "@baltoro/tensor";
import { conformsToReference, roundsToBf16 } from "./conformance.ts";
import { skipWithoutGpu } from "./gpu.ts";

const skip = skipWithoutGpu();

describe("on a GPU", { skip }, () => {
  let backend: CudaBackend;
  before(async () => {
    backend = await openCudaBackend({ precision: "f32" });
  });
  after(() => backend?.close());

  for (const seed of [5000, 6000]) {
    test(`every kernel agrees with the reference, seed ${seed}`, (t) => conformsToReference(t, backend, seed));
  }

  test("bf16 rounds to nearest even, keeps NaN, and comes back exactly", () => roundsToBf16(backend));

  test("equal calls give equal bits", async () => {
    const n = 1 << 20;
    const x = backend.alloc(4 * n, "x");
    const state = backend.alloc(64, "state");
    const [partials, y] = [backend.alloc(1024, "partials"), backend.alloc(64, "y")];
    backend.write(state, "i32", [1, 2, 3, 4]);
    backend.enqueue("randomUniform", { state, y: x, n, stream: 0 });
    const sums = new Set<number>();
    for (let i = 0; i < 20; i++) {
      backend.enqueue("sumSquares", { x, partials, y, n, accumulate: 0 });
      sums.add((await backend.read(y, "f32", 1))[0]);
    }
    assert.equal(sums.size, 1);
    assert.ok(Math.abs([...sums][0] / n - 1 / 3) < 1e-3);
    for (const buffer of [x, state, partials, y]) backend.free(buffer);
  });

  test("a write larger than the staging memory arrives whole, and in order with kernels", async () => {
    const n = 20 << 20;
    const x = backend.alloc(4 * n, "x");
    const values = Float32Array.from({ length: n }, (_, i) => i % 8191);
    backend.write(x, "f32", values);
    values.fill(-1);
    backend.enqueue("axpby", { x, y: x, n, alpha: 2, beta: 0 });
    const read = await backend.read(x, "f32", n);
    assert.ok(read.every((value, i) => value === 2 * (i % 8191)));
    backend.free(x);
  });

  test("a graph replays what was captured on what the buffers hold then", async () => {
    const [x, y] = ["x", "y"].map((label) => backend.alloc(64, label));
    const graph = backend.capture(() => {
      backend.enqueue("axpby", { x, y, n: 4, alpha: 2, beta: 0 });
      backend.enqueue("unary", { x: y, y, n: 4, op: 0 });
      assert.throws(() => backend.write(x, "f32", [1]), /captured/);
    });
    assert.equal(graph.kernelCount, 2);
    for (const value of [1, 5]) {
      backend.write(x, "f32", [value, 0, 0, 0]);
      backend.launch(graph);
      assert.equal((await backend.read(y, "f32", 4))[0], -2 * value);
    }
    backend.free(x);
    backend.free(y);
  });

  test("what does not fit is an error that says what to do, and the device goes on", async () => {
    assert.throws(() => backend.alloc(2 ** 46, "a mountain"), /out of memory: .* for a mountain .*smaller batch/);
    const x = backend.alloc(64, "x");
    backend.write(x, "f32", [3]);
    assert.equal((await backend.read(x, "f32", 1))[0], 3);
    backend.free(x);
  });

  for (const precision of ["tf32", "bf16"] as const) {
    test(`products in ${precision} are as exact as their operands`, async () => {
      const device = createDevice(await openCudaBackend({ precision }));
      const k = 512;
      const values = Float32Array.from({ length: k * k }, (_, i) => Math.sin(i * 12.9898) * 2);
      const exact = Array.from({ length: k }, (_, j) => {
        let sum = 0;
        for (let i = 0; i < k; i++) sum += values[i] * values[j * k + i];
        return sum;
      });
      const product = scope(device, () => linear(tensor(device, values, [k, k]), tensor(device, values, [k, k])));
      const actual = (await product.read()).subarray(0, k);
      const norm = Math.hypot(...exact);
      const error = Math.hypot(...exact.map((value, i) => value - actual[i])) / norm;
      assert.ok(error < (precision === "tf32" ? 1e-3 : 1e-2), `relative error ${error}`);
      await device.close();
    });
  }
});

test("without a driver the error says what is missing and how to get it", {
  skip: skip ? false : "there is one",
}, async () => {
  await assert.rejects(openCudaBackend(), (error: Error) => {
    assert.ok(error instanceof CudaUnavailableError);
    assert.match(error.message, /libcuda\.so\.1.*driver|no GPU|cuInit/);
    return true;
  });
});

test("a directory of BALTORO_CUDA without the library is named in the error", {
  skip: skip ? false : "there is a driver",
}, () => {
  process.env["BALTORO_CUDA"] = import.meta.dirname;
  try {
    assert.throws(() => loadLibrary("nccl"), new RegExp(`libnccl.*${import.meta.dirname.slice(-12)}`));
  } finally {
    delete process.env["BALTORO_CUDA"];
  }
});

test("every kernel file has the shared part before it", () => {
  assert.ok(kernelFiles().length > 5);
  for (const file of kernelFiles())
    assert.match(kernelSource(file), /typedef unsigned int u32;[\s\S]*extern "C" __global__/);
});
