/** Another library's work on the backend's stream: in order, captured, and noticed. A copy by the driver stands for the library. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  type BufferHandle,
  type CudaBackend,
  createDevice,
  linear,
  openCudaBackend,
  openReferenceBackend,
  scope,
  tensor,
} from "@baltoro/tensor";
import { skipWithoutGpu } from "./gpu.ts";

/** y = x, by the driver. */
function copyByDriver(backend: CudaBackend, x: BufferHandle, y: BufferHandle): void {
  backend.foreign("copy", { all: [x, y], written: [y] }, ([from, to], stream) =>
    backend.gpu.driver.call("cuMemcpyDtoDAsync", to.address, from.address, to.byteLength, stream),
  );
}

describe("another library on the stream", { skip: skipWithoutGpu() }, () => {
  let backend: CudaBackend;
  before(async () => {
    backend = await openCudaBackend({ precision: "bf16" });
  });
  after(() => backend?.close());

  test("its work is in order with kernels, and part of a graph", async () => {
    const [x, y] = ["x", "y"].map((label) => backend.alloc(64, label));
    const work = () => {
      backend.enqueue("axpby", { x, y: x, n: 4, alpha: 2, beta: 0 });
      copyByDriver(backend, x, y);
      backend.enqueue("axpby", { x: y, y, n: 4, alpha: 3, beta: 0 });
    };
    backend.write(x, "f32", [1, 2, 3, 4]);
    work();
    assert.deepEqual(Array.from(await backend.read(y, "f32", 4)), [6, 12, 18, 24]);
    const graph = backend.capture(work);
    assert.equal(graph.kernelCount, 3);
    for (const value of [1, 5]) {
      backend.write(x, "f32", [value, 0, 0, 0]);
      backend.launch(graph);
      assert.equal((await backend.read(y, "f32", 4))[0], 6 * value);
    }
    for (const buffer of [x, y]) backend.free(buffer);
  });

  test("weights that it writes are converted to bf16 anew, also those that a graph writes", async () => {
    const device = createDevice(backend);
    const reference = createDevice(openReferenceBackend());
    const [rows, width] = [16, 64];
    const values = (seed: number, count: number) => Array.from({ length: count }, (_, i) => ((i * seed) % 7) - 3);
    const x = tensor(device, values(3, rows * width), [rows, width]);
    const weight = tensor(device, values(5, width * width), [width, width]);
    const other = tensor(device, values(2, width * width), [width, width]);
    const product = () => scope(device, () => linear(x, weight));
    const expected = async (seed: number) => {
      const parts = [values(3, rows * width), values(seed, width * width)];
      const [a, b] = parts.map((part, i) => tensor(reference, part, i === 0 ? [rows, width] : [width, width]));
      return Array.from(await scope(reference, () => linear(a, b)).read());
    };
    // Small whole numbers: bf16 and f32 agree.
    assert.deepEqual(Array.from(await product().read()), await expected(5));
    copyByDriver(backend, other.buffer, weight.buffer);
    assert.deepEqual(Array.from(await product().read()), await expected(2));
    other.write(values(4, width * width));
    const graph = backend.capture(() => copyByDriver(backend, other.buffer, weight.buffer));
    assert.deepEqual(Array.from(await product().read()), await expected(2));
    backend.launch(graph);
    assert.deepEqual(Array.from(await product().read()), await expected(4));
    for (const one of [x, weight, other]) one.release();
  });

  test("a mark is passed once the device has come to it; there is none within a graph", async () => {
    const x = backend.alloc(4 << 20, "x");
    const before = backend.mark();
    for (let i = 0; i < 50; i++) backend.enqueue("axpby", { x, y: x, n: 1 << 20, alpha: 1, beta: 0 });
    const behind = backend.mark();
    assert.ok(before && behind);
    await backend.read(x, "f32", 1);
    assert.deepEqual([before(), behind(), behind()], [true, true, true]);
    backend.capture(() => {
      backend.enqueue("axpby", { x, y: x, n: 4, alpha: 1, beta: 0 });
      assert.equal(backend.mark(), null);
    });
    backend.free(x);
  });

  test("what a guard throws ends enqueueing, launches and reads, one that waits included", async () => {
    const x = backend.alloc(64, "x");
    backend.write(x, "f32", [7]);
    const graph = backend.capture(() => backend.enqueue("axpby", { x, y: x, n: 1, alpha: 1, beta: 0 }));
    const moments = new Set<string>();
    backend.guard((moment) => void moments.add(moment));
    backend.launch(graph);
    await backend.read(x, "f32", 1);
    assert.deepEqual([...moments].sort(), ["before", "launched", "waiting"]);
    backend.guard((moment) => {
      if (moment === "waiting") throw new Error("a rank is lost");
    });
    await assert.rejects(backend.read(x, "f32", 1), /a rank is lost/);
    backend.guard(() => {
      throw new Error("a rank is lost");
    });
    assert.throws(() => backend.enqueue("axpby", { x, y: x, n: 1, alpha: 1, beta: 0 }), /a rank is lost/);
    assert.throws(() => backend.launch(graph), /a rank is lost/);
    assert.throws(() => copyByDriver(backend, x, x), /a rank is lost/);
    backend.guard(null);
    assert.equal((await backend.read(x, "f32", 1))[0], 7);
    backend.free(x);
  });

  test("a graph that was released is not launched", () => {
    const x = backend.alloc(64, "x");
    const graph = backend.capture(() => backend.enqueue("axpby", { x, y: x, n: 1, alpha: 1, beta: 0 }));
    backend.releaseGraphs();
    assert.throws(() => backend.launch(graph), /the graph was released/);
    backend.free(x);
  });

  test("buffers of others and freed ones are refused", () => {
    const x = backend.alloc(64, "x");
    backend.free(x);
    assert.throws(() => copyByDriver(backend, x, x), /was freed/);
    assert.throws(() => copyByDriver(backend, openReferenceBackend().alloc(64, "y"), x), /another backend/);
  });
});
