/** Activations that the backward pass gets back from e4m3: which bits it sees, how often they are converted, what memory is left. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  backward,
  compressForBackward,
  createDevice,
  type Device,
  e4m3Values,
  linear,
  matmul,
  multiply,
  normal,
  openDevice,
  openReferenceBackend,
  parameter,
  persistent,
  recompute,
  recordBackend,
  reshape,
  scaleOf,
  scope,
  sum,
  swiglu,
  tensor,
  toE4m3,
} from "@baltoro/tensor";
import { skipWithoutGpu } from "./gpu.ts";

const device = await openDevice("wasm", { threads: 2 });
after(() => device.close());

/** Values by tiles of a row's 128 columns, by the functions that write checkpoints. */
function rounded(values: Float32Array, columns: number): Float32Array {
  return values.map((x, i) => {
    const from = i - (i % columns) + Math.floor((i % columns) / 128) * 128;
    const to = Math.min(from + 128, i - (i % columns) + columns);
    const scale = scaleOf(Math.max(...values.subarray(from, to).map(Math.abs)));
    return Math.fround(e4m3Values[toE4m3(Math.fround(x / scale))] * scale);
  });
}

/** dw of y = x · wᵀ, with dy = 1 at [r, r] and 0 elsewhere: the rows of x as the backward pass sees them. */
async function seenByBackward(on: Device, values: Float32Array, [rows, columns]: readonly [number, number]) {
  const x = persistent(on, [rows, columns], "f32", "x");
  x.write(values);
  x.requiresGrad = true;
  const w = parameter(on, [rows, columns], "w");
  w.write(normal(2, 0, rows * columns));
  const eye = tensor(
    on,
    Float32Array.from({ length: rows * rows }, (_, i) => Number(i % (rows + 1) === 0)),
    [rows, rows],
  );
  const y = scope(on, () => {
    // A view of it, as layers reshape what they keep.
    const product = linear(reshape(compressForBackward(x), [rows, columns]), w);
    backward(product, eye);
    return product;
  });
  const result = { dw: Float32Array.from((await w.grad?.read()) ?? []), y: Array.from(await y.read()) };
  for (const one of [x, w, y, eye]) one.release();
  return result;
}

for (const name of ["wasm", "reference", "cuda"]) {
  test(`the forward pass sees the exact values, the backward pass those of e4m3, ${name}`, {
    skip: name === "cuda" && skipWithoutGpu(),
  }, async () => {
    const on = await openDevice(name, name === "cuda" ? { precision: "f32" } : { threads: 2 });
    for (const shape of [
      [8, 4],
      [16, 128],
      [24, 300],
    ] as const) {
      const values = normal(shape[1], 0, shape[0] * shape[1]);
      values.fill(0, 0, shape[1]);
      const { dw, y } = await seenByBackward(on, values, shape);
      assert.deepEqual(dw, rounded(values, shape[1]));
      const exact = scope(on, () =>
        matmul(tensor(on, values, shape), tensor(on, normal(2, 0, values.length), shape), { transposeB: true }),
      );
      assert.deepEqual(y, Array.from(await exact.read()));
      exact.release();
    }
    assert.equal(on.memory.arena.liveBytes, 0);
    await on.close();
  });
}

test("a tensor is converted once each way, however many save it, and not where nothing is recorded", () => {
  const backend = recordBackend(openReferenceBackend());
  const on = createDevice(backend);
  const w = parameter(on, [8, 8], "w");
  w.write(normal(1, 0, 64));
  const x = tensor(on, normal(2, 0, 64), [8, 8]);
  const conversions = (record: boolean) => {
    on.tape.enabled = record;
    backend.beginStep();
    scope(on, () => {
      const h = compressForBackward(linear(x, w));
      const inner = recompute([h, compressForBackward(linear(h, w))], ([gate, up]) => swiglu(gate, up));
      const loss = sum(multiply(linear(h, w), inner));
      if (record) backward(loss);
    });
    on.tape.enabled = true;
    const calls = backend.endStep();
    return ["quantizeTiles", "dequantizeTiles"].map((kernel) => calls.filter((call) => call.startsWith(kernel)).length);
  };
  // h, saved by two products and the part; and the part's other input.
  assert.deepEqual(conversions(true), [2, 2]);
  assert.deepEqual(conversions(false), [0, 0]);
  on.tape.enabled = false;
  assert.equal(compressForBackward(x), x);
  assert.equal(x.storage.origin, null);
});

test("rows that codes do not fill, and what is computed again anyway, are left as they are; nothing is left behind", () => {
  const x = parameter(device, [4, 6], "x");
  x.write(normal(1, 0, 24));
  scope(device, () => {
    const odd = compressForBackward(multiply(x, x));
    assert.equal(odd.storage.origin, null);
    const again = recompute([x], ([of]) => reshape(multiply(of, of), [3, 8]));
    const { origin } = again.storage;
    assert.equal(compressForBackward(again).storage.origin, origin);
    // Saved, and never asked for.
    const kept = compressForBackward(multiply(again, again));
    multiply(kept, kept);
  });
  assert.equal(device.memory.arena.liveBytes, 0);
  device.memory.arena.checkIntegrity();
});

test("it is a byte and a bit for each element until the backward pass", () => {
  const [rows, columns] = [256, 512];
  const w = parameter(device, [columns, columns], "w");
  w.write(normal(1, 0, w.size));
  const alive = (compress: boolean) =>
    scope(device, () => {
      const x = tensor(device, normal(1, 0, rows * columns), [rows, columns]);
      x.requiresGrad = true;
      const before = device.memory.arena.liveBytes;
      scope(device, () => {
        const h = multiply(x, x);
        return linear(compress ? compressForBackward(h) : h, w);
      });
      return device.memory.arena.liveBytes - before - 4 * rows * columns;
    });
  assert.equal(alive(false), 4 * rows * columns);
  assert.equal(alive(true), rows * columns + 4 * rows * (columns / 128));
});
