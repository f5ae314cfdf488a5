import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createDevice,
  DeviceLostError,
  full,
  linear,
  matmul,
  normal,
  OutOfMemoryError,
  openReferenceBackend,
  openWasmBackend,
  part,
  persistent,
  recordBackend,
  scope,
  tensor,
} from "@baltoro/tensor";

for (const threads of [1, 2]) {
  test(`products, graphs and writes on ${threads} threads`, async () => {
    const device = createDevice(await openWasmBackend({ threads }));
    const x = tensor(device, normal(1, 0, 6), [2, 3]);
    const w = tensor(device, normal(1, 1, 12), [4, 3]);
    const y = scope(device, () => linear(x, w));
    const [xs, ws] = [normal(1, 0, 6), normal(1, 1, 12)];
    const expected = Array.from({ length: 8 }, (_, i) =>
      [0, 1, 2].reduce((sum, p) => sum + xs[Math.floor(i / 4) * 3 + p] * ws[(i % 4) * 3 + p], 0),
    );
    for (const [i, value] of (await y.read()).entries()) assert.ok(Math.abs(value - expected[i]) < 1e-6);

    const counter = persistent(device, [1], "f32", "counter");
    const one = tensor(device, [1]);
    counter.write([0]);
    const graph = device.backend.capture(() => {
      device.backend.enqueue("axpby", { x: one.buffer, y: counter.buffer, n: 1, alpha: 1, beta: 1 });
    });
    assert.equal(graph.kernelCount, 1);
    for (let i = 0; i < 1000; i++) device.backend.launch(graph);
    one.write([0.5]);
    for (let i = 0; i < 1000; i++) device.backend.launch(graph);
    assert.equal(await counter.item(), 1500);
    await device.close();
  });
}

test("writes keep their place among kernels, and reads may be many at once", async () => {
  const device = createDevice(await openWasmBackend({ threads: 2 }));
  const value = persistent(device, [1000], "f32", "value");
  const sums = persistent(device, [1000], "f32", "sums");
  sums.write(new Float32Array(1000));
  for (let i = 1; i <= 50; i++) {
    value.write(new Float32Array(1000).fill(i));
    device.backend.enqueue("axpby", { x: value.buffer, y: sums.buffer, n: 1000, alpha: 1, beta: 1 });
  }
  const reads = await Promise.all(Array.from({ length: 20 }, () => sums.read()));
  for (const read of reads) assert.ok(read.every((sum) => sum === 1275));
  await device.close();
});

test("what the host writes is not harmed by tensors that were given back while the queue still uses them", async () => {
  const device = createDevice(await openWasmBackend({ threads: 2 }));
  const { backend } = device;
  const n = 1000;
  const busy = tensor(device, normal(1, 0, 512 * 512), [512, 512]);
  for (let round = 0; round < 5; round++) {
    const [value, sum] = [persistent(device, [n], "f32", "value"), persistent(device, [1], "f32", "sum")];
    value.write(new Float32Array(n));
    sum.write([0]);
    // A queue that is busy for a while, with writes to memory that is free by then for the host's list and copies.
    const gone = Array.from({ length: 4 }, () => persistent(device, [n], "f32", "gone"));
    scope(device, () => matmul(matmul(busy, busy), busy));
    for (const { buffer } of gone) backend.enqueue("fill", { y: buffer, n, value: 7 });
    for (const one of gone) one.release();
    value.write(new Float32Array(n).fill(round));
    const graph = backend.capture(() => {
      for (let i = 0; i < 100; i++)
        backend.enqueue("axpby", { x: value.buffer, y: sum.buffer, n: 1, alpha: 1, beta: 1 });
    });
    backend.launch(graph);
    assert.ok((await value.read()).every((one) => one === round));
    assert.equal(await sum.item(), 100 * round);
    value.release();
    sum.release();
  }
  await device.close();
});

test("the ring of commands may wrap many times", async () => {
  const device = createDevice(await openWasmBackend({ threads: 2 }));
  const y = tensor(device, [0]);
  const one = tensor(device, [1]);
  for (let i = 0; i < 400_000; i++)
    device.backend.enqueue("axpby", { x: one.buffer, y: y.buffer, n: 1, alpha: 1, beta: 1 });
  assert.equal(await y.item(), 400_000);
  await device.close();
});

test("a thread that dies rejects what waits, and says which and what to do", async () => {
  const backend = await openWasmBackend({ threads: 2 });
  const device = createDevice(backend);
  const a = full(device, [1500, 1500], 1);
  const products = scope(device, () => [0, 1, 2, 3].map(() => matmul(a, a)));
  const pending = products[3].read();
  await backend.killThread(1);
  await assert.rejects(
    pending,
    (error: Error) => error instanceof DeviceLostError && /thread 1 of 2 died.*checkpoint/.test(error.message),
  );
  assert.throws(() => full(device, [1], 1), DeviceLostError);
  await device.close();
});

test("a kernel that traps loses the device instead of hanging it", async () => {
  const device = createDevice(await openWasmBackend({ threads: 2 }));
  const x = tensor(device, [1]);
  device.backend.enqueue("copy3d", {
    src: x.buffer,
    dst: x.buffer,
    n0: 1,
    n1: 1,
    n2: 1 << 29,
    srcOffset: 0,
    src0: 0,
    src1: 0,
    dstOffset: 0,
    dst0: 0,
    dst1: 0,
    accumulate: 0,
  });
  await assert.rejects(x.read(), /lost.*out of bounds/);
  await device.close();
});

test("out of memory says how much, how much is in use, and what to do", async () => {
  const device = createDevice(await openWasmBackend({ threads: 1, maxMemoryBytes: 128 << 20 }));
  assert.throws(
    () => full(device, [64 << 20], 0),
    (error: Error) =>
      error instanceof OutOfMemoryError && /256\.0 MiB for full.*128\.0 MiB.*smaller batch/.test(error.message),
  );
  const small = full(device, [3], 7);
  assert.deepEqual(Array.from(await small.read()), [7, 7, 7]);
  await device.close();
});

test("buffers of a closed device, freed buffers and strangers' buffers are refused", async () => {
  const backend = await openWasmBackend({ threads: 1 });
  const other = await openWasmBackend({ threads: 1 });
  const buffer = backend.alloc(64, "buffer");
  assert.throws(() => other.enqueue("fill", { y: { byteLength: 64 }, n: 1, value: 0 }), /another backend/);
  backend.free(buffer);
  assert.throws(() => backend.free(buffer), /was freed/);
  await backend.close();
  await other.close();
  assert.throws(() => backend.alloc(64, "late"), /closed/);
});

test("thread counts that make no sense are refused", async () => {
  await assert.rejects(openWasmBackend({ threads: 0 }), /BALTORO_THREADS is 0, expected a whole number/);
});

test("a host view shows what was enqueued before it, and is seen by what comes after", async () => {
  for (const device of [
    createDevice(await openWasmBackend({ threads: 2 })),
    createDevice(openReferenceBackend()),
    createDevice(recordBackend(await openWasmBackend({ threads: 1 }))),
  ]) {
    const x = tensor(device, normal(1, 0, 4096), [64, 64]);
    const y = scope(device, () => matmul(matmul(x, x), x));
    const view = device.backend.hostView?.(y.buffer, "f32", y.size);
    assert.ok(view);
    assert.deepEqual(Array.from(view), Array.from(await y.read()));
    view.fill(0.5);
    const z = scope(device, () => matmul(y, x));
    const sums = Array.from({ length: 64 }, (_, column) => {
      let sum = 0;
      for (let row = 0; row < 64; row++) sum += 0.5 * normal(1, 0, 4096)[row * 64 + column];
      return sum;
    });
    for (const [i, value] of (await z.read()).subarray(0, 64).entries()) assert.ok(Math.abs(value - sums[i]) < 1e-4);
    assert.throws(() => device.backend.capture(() => device.backend.hostView?.(y.buffer, "f32", 1)), /not allowed/);
    await device.close();
  }
});

test("a part shares its tensor's memory and outlives it", async () => {
  const device = createDevice(await openWasmBackend({ threads: 1 }));
  const whole = persistent(device, [48], "f32", "whole");
  whole.write(Float32Array.from({ length: 48 }, (_, i) => i));
  const middle = part(whole, 16, [4, 4]);
  assert.deepEqual(
    Array.from(await middle.read()),
    Array.from({ length: 16 }, (_, i) => 16 + i),
  );
  const before = device.backend.stats().allocatedBytes;
  whole.release();
  assert.equal(device.backend.stats().allocatedBytes, before);
  assert.equal((await middle.read())[15], 31);
  middle.release();
  assert.ok(device.backend.stats().allocatedBytes < before);
  await device.close();
});
