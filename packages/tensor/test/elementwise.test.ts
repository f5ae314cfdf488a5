import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  add,
  backward,
  binaryCrossEntropy,
  cast,
  type Device,
  divide,
  dropout,
  expand,
  gather,
  gelu,
  layerNorm,
  max,
  maximum,
  mean,
  min,
  minimum,
  multiply,
  normal,
  openDevice,
  parameter,
  type Shape,
  scope,
  sigmoid,
  sizeOf,
  softmax,
  subtract,
  sum,
  type Tensor,
  tensor,
  unary,
  unaryOps,
} from "@baltoro/tensor";
import { checkGradients, referenceDevice } from "./gradients.ts";
import { weightedSum } from "./weighted-sum.ts";

const binaries = { add, subtract, multiply, divide, maximum, minimum };
const positive = (shape: Shape, seed = 1) => ({
  shape,
  values: normal(seed, 9, sizeOf(shape)).map((value) => 0.5 + Math.abs(value)),
});

describe("gradients against finite differences", () => {
  for (const op of unaryOps) {
    test(op, () => checkGradients([positive([3, 4])], ([x]) => weightedSum(unary(op, x)), { tolerance: 1e-5 }));
  }

  const shapes: readonly (readonly [Shape, Shape])[] = [
    [
      [3, 4],
      [3, 4],
    ],
    [[3, 4], [4]],
    [
      [3, 4],
      [3, 1],
    ],
    [[3, 4], []],
    [[4], [2, 3, 4]],
    [
      [3, 1],
      [1, 4],
    ],
    [
      [2, 3, 4],
      [2, 1, 1],
    ],
  ];
  for (const [name, op] of Object.entries(binaries)) {
    test(`${name}, broadcast either way`, async () => {
      for (const [a, b] of shapes) {
        await checkGradients([positive(a, 1), positive(b, 2)], ([x, y]) => weightedSum(op(x, y)));
      }
    });
  }

  for (const [name, op] of Object.entries({ sum, mean, max, min })) {
    test(`${name} over each axis and all`, async () => {
      for (const axis of [0, 1, 2, -1, undefined]) {
        const options = axis === undefined ? {} : { axis };
        await checkGradients([[2, 3, 4]], ([x]) => weightedSum(op(x, options)));
        await checkGradients([[2, 3, 4]], ([x]) => weightedSum(op(x, { ...options, keepAxis: true })));
      }
    });
  }

  test("expand", async () => {
    await checkGradients([[4]], ([x]) => weightedSum(expand(x, [3, 4])));
    await checkGradients([[3, 1]], ([x]) => weightedSum(expand(x, [3, 5])));
    await checkGradients([[]], ([x]) => weightedSum(expand(x, [2, 2])));
  });

  test("softmax, layerNorm with and without bias", async () => {
    await checkGradients([[3, 5]], ([x]) => weightedSum(softmax(x)));
    await checkGradients([[3, 5], [5], [5]], ([x, weight, bias]) => weightedSum(layerNorm(x, weight, bias)));
    await checkGradients([[2, 3, 5], [5]], ([x, weight]) => weightedSum(layerNorm(x, weight)));
  });

  test("binaryCrossEntropy", () =>
    checkGradients([[3, 4]], ([x], device) => {
      const targets = Float64Array.from({ length: 12 }, (_, i) => [0, 1, 0.3][i % 3]);
      return weightedSum(binaryCrossEntropy(x, tensor(device, targets, [3, 4])));
    }));

  test("gather takes columns, one twice", () =>
    checkGradients([[2, 5]], ([x], device) => {
      return weightedSum(gather(x, tensor(device, [0, 4, 4, 2, 1, 3], [2, 3], "i32")));
    }));

  test("dropout drops the same elements both ways", () =>
    checkGradients([[4, 9]], ([x], device) =>
      weightedSum(dropout(x, 0.4, tensor(device, [7, 0, 3, 0], [4], "i32"), 2)),
    ));

  test("one tensor as both operands", () =>
    checkGradients([positive([5])], ([x]) => weightedSum(multiply(x, add(x, x)))));
});

describe("the WASM device against the float64 reference", () => {
  let wasm: Device;
  let reference: Device;
  before(async () => {
    wasm = await openDevice("wasm", { threads: 2 });
    reference = referenceDevice();
  });
  after(async () => {
    await wasm.close();
    await reference.close();
  });

  type Build = (inputs: readonly Tensor[], device: Device) => Tensor;

  /** Values and gradients on one device. */
  async function evaluate(device: Device, shapes: readonly Shape[], build: Build): Promise<ArrayLike<number>[]> {
    const inputs = shapes.map((shape, i) => {
      const input = parameter(device, shape, `input ${i}`);
      input.write(Float32Array.from(normal(3, i, sizeOf(shape)), (value) => 0.5 + Math.abs(value)));
      return input;
    });
    const y = scope(device, () => {
      const result = build(inputs, device);
      backward(weightedSum(result));
      return result;
    });
    const results: ArrayLike<number>[] = [await y.read()];
    for (const input of inputs) if (input.grad) results.push(await input.grad.read());
    y.release();
    for (const input of inputs) input.release();
    return results;
  }

  async function compare(name: string, shapes: readonly Shape[], build: Build): Promise<void> {
    const expected = await evaluate(reference, shapes, build);
    const actual = await evaluate(wasm, shapes, build);
    assert.equal(actual.length, expected.length);
    for (const [which, values] of actual.entries()) {
      assert.equal(values.length, expected[which].length);
      for (let i = 0; i < values.length; i++) {
        const [a, b] = [values[i], expected[which][i]];
        assert.ok(
          Math.abs(a - b) <= 2e-4 * Math.max(1, Math.abs(b)),
          `${name} ${which ? "gradient" : "value"} ${i}: ${a}, ${b}`,
        );
      }
    }
  }

  // Odd, prime, of size 1, larger than a vector or a thread's share.
  const extents = [1, 3, 17, 131];

  test("elementwise and reductions at odd sizes", async () => {
    for (const rows of extents) {
      for (const columns of extents) {
        const shape = [rows, columns];
        for (const [name, op] of Object.entries(binaries)) {
          await compare(name, [shape, shape], ([x, y]) => op(x, y));
          await compare(`${name} of a row`, [shape, [columns]], ([x, y]) => op(x, y));
          await compare(`${name} of a column`, [[rows, 1], shape], ([x, y]) => op(x, y));
        }
        for (const [name, op] of Object.entries({ sum, mean, max, min })) {
          await compare(name, [shape], ([x]) => op(x, { axis: 0 }));
          await compare(name, [shape], ([x]) => op(x, { axis: 1 }));
        }
        await compare("softmax", [shape], ([x]) => softmax(x));
        if (columns > 1) await compare("layerNorm", [shape, [columns], [columns]], ([x, w, b]) => layerNorm(x, w, b));
        await compare("expand", [[columns]], ([x]) => expand(x, shape));
      }
    }
  });

  test("unary operations", async () => {
    for (const n of extents) for (const op of unaryOps) await compare(op, [[n]], ([x]) => unary(op, x));
  });

  test("dropout draws the same bits", async () => {
    const state = (device: Device) => tensor(device, [5, 6, 7, 8], [4], "i32");
    await compare("dropout", [[997]], ([x], device) => dropout(x, 0.3, state(device), 1));
  });

  test("bf16 rounds to nearest, ties to even", async () => {
    const values = [1, 1.00390625, 1.01171875, -2.3, 1e-40, 3.4e38];
    const results: ArrayLike<number>[] = [];
    for (const device of [reference, wasm]) {
      const y = scope(device, () => cast(cast(tensor(device, values), "bf16"), "f32"));
      results.push(await y.read());
      y.release();
    }
    assert.deepEqual(Array.from(results[1]).slice(0, 4), [1, 1, 1.015625, -2.296875]);
    assert.deepEqual(Array.from(results[1]).slice(0, 4), Array.from(results[0]).slice(0, 4));
  });

  test("empty tensors", async () => {
    for (const device of [reference, wasm]) {
      const results = scope(device, () => {
        const x = tensor(device, [], [0, 3]);
        return [add(x, x), sigmoid(x), gelu(x), softmax(x), sum(x, { axis: 0 }), sum(x)];
      });
      assert.deepEqual(
        results.map(({ shape }) => shape),
        [[0, 3], [0, 3], [0, 3], [0, 3], [3], []],
      );
      assert.deepEqual(Array.from(await results[4].read()), [0, 0, 0]);
      assert.equal(await results[5].item(), 0);
      for (const result of results) result.release();
    }
  });
});

test("errors name the operation and the shapes", async () => {
  const device = referenceDevice();
  scope(device, () => {
    const of = (...shape: number[]) => tensor(device, new Array(sizeOf(shape)).fill(1), shape);
    const ints = tensor(device, [0, 1], [2], "i32");
    assert.throws(() => add(of(2, 3), of(2, 4)), /add: shapes \[2, 3\] and \[2, 4\] do not fit: axis 1 has sizes 3, 4/);
    assert.throws(() => multiply(of(2, 3, 2), of(2, 1, 2)), /mul: .*\[2, 3, 2\] and \[2, 1, 2\].*expand or reshape/);
    assert.throws(() => add(of(2), ints), /add: b \[2\] has dtype i32, expected f32/);
    assert.throws(() => sum(of(2, 3), { axis: 2 }), /sum: \[2, 3\] has no axis 2/);
    assert.throws(() => mean(of(0, 3), { axis: 0 }), /mean: \[0, 3\] has no elements/);
    assert.throws(() => expand(of(2, 3), [3]), /expand: \[2, 3\] does not fit into \[3\]/);
    assert.throws(() => layerNorm(of(2, 3), of(2)), /layerNorm: weight for x \[2, 3\] has shape \[2\], expected \[3\]/);
    assert.throws(
      () => binaryCrossEntropy(of(2), of(3)),
      /binaryCrossEntropy: targets has shape \[3\], expected \[2\]/,
    );
    assert.throws(() => gather(of(2, 3), ints), /gather: index has shape \[2\], expected \[2, K\] for x \[2, 3\]/);
    assert.throws(() => dropout(of(2), 1, tensor(device, [0, 0, 0, 0], [4], "i32"), 0), /dropout: p is 1/);
    assert.throws(() => cast(ints, "bf16"), /cast: from i32 to bf16/);
  });
  await device.close();
});
