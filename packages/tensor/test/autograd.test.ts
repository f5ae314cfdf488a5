import assert from "node:assert/strict";
import { test } from "node:test";
import {
  add,
  attention,
  backward,
  checkpoint,
  concatenate,
  createDevice,
  crossEntropy,
  embedding,
  full,
  groupedMatmul,
  linear,
  linearCrossEntropy,
  matmul,
  normal,
  openReferenceBackend,
  openWasmBackend,
  parameter,
  permute,
  reshape,
  rmsNorm,
  rope,
  route,
  scope,
  slice,
  sortByExpert,
  split,
  sum,
  swiglu,
  type Tensor,
  tensor,
  unpermute,
  zeroGrad,
} from "@baltoro/tensor";
import { checkGradients, referenceDevice } from "./gradients.ts";
import { weightedSum } from "./weighted-sum.ts";

for (const transposeA of [false, true]) {
  for (const transposeB of [false, true]) {
    test(`matmul gradients, transposeA ${transposeA}, transposeB ${transposeB}`, async () => {
      const a = transposeA ? [3, 4] : [4, 3];
      const b = transposeB ? [5, 3] : [3, 5];
      await checkGradients([a, b, [5]], ([x, y, bias]) => weightedSum(matmul(x, y, { transposeA, transposeB, bias })));
      await checkGradients(
        [
          [2, ...a],
          [2, ...b],
        ],
        ([x, y]) => weightedSum(matmul(x, y, { transposeA, transposeB })),
      );
    });
  }
}

test("rmsNorm and swiglu gradients", async () => {
  await checkGradients([[3, 5], [5]], ([x, w]) => weightedSum(rmsNorm(x, w)));
  await checkGradients(
    [
      [3, 5],
      [3, 5],
    ],
    ([g, u]) => weightedSum(swiglu(g, u)),
  );
});

test("rope gradients", async () => {
  await checkGradients([[3, 2, 6]], ([x], device) => {
    const angles = Float64Array.from({ length: 14 }, (_, i) => 0.3 * i);
    const tables = {
      cos: tensor(device, angles.map(Math.cos), [7, 2]),
      sin: tensor(device, angles.map(Math.sin), [7, 2]),
    };
    return weightedSum(rope(x, tensor(device, [0, 5, 2], [3], "i32"), tables, 2));
  });
});

for (const causal of [true, false]) {
  test(`attention gradients over packed documents, causal ${causal}`, async () => {
    await checkGradients(
      [
        [2, 5, 2, 3],
        [2, 5, 2, 3],
        [2, 5, 2, 4],
      ],
      ([q, k, v], device) => {
        const documents = tensor(device, [0, 0, 1, 1, 1, 0, 0, 0, 0, 0], [2, 5], "i32");
        return weightedSum(attention(q, k, v, { documents, causal }).out);
      },
    );
  });
}

test("embedding gradients add up for repeated ids", async () => {
  await checkGradients([[4, 3]], ([table], device) =>
    weightedSum(embedding(table, tensor(device, [2, 0, 2, 3], [4], "i32"))),
  );
});

test("cross-entropy gradients, with ignored targets and z-loss, are equal fused and unfused", async () => {
  const options = { ignore: -1, zLoss: 0.01 };
  await checkGradients([[4, 6]], ([x], device) => crossEntropy(x, tensor(device, [1, -1, 5, 0], [4], "i32"), options));
  await checkGradients(
    [
      [4, 3],
      [6, 3],
    ],
    ([x, w], device) => linearCrossEntropy(x, w, tensor(device, [1, -1, 5, 0], [4], "i32"), options),
  );
  await checkGradients(
    [
      [40, 3],
      [6, 3],
    ],
    ([x, w], device) => {
      const targets = Array.from({ length: 40 }, (_, i) => (i % 7) - 1);
      return add(
        linearCrossEntropy(x, w, tensor(device, targets, [40], "i32")),
        crossEntropy(linear(x, w), tensor(device, targets, [40], "i32")),
      );
    },
  );
});

test("a mixture of experts has right gradients through routing, permutation and grouped products", async () => {
  await checkGradients(
    [
      [5, 4],
      [3, 4],
      [3, 2, 4],
    ],
    ([x, router, w], device) => {
      const loads = full(device, [3], 0);
      const bias = tensor(device, [0.1, -0.2, 0.05]);
      const { weights, indices } = route(linear(x, router), bias, { k: 2, normalize: true, scaling: 2.5, loads });
      const order = sortByExpert(indices, 3);
      return weightedSum(unpermute(groupedMatmul(permute(x, order), w, order.offsets), weights, order));
    },
  );
});

test("layout gradients: reshape, slice, split, concatenate with a repeated axis", async () => {
  await checkGradients(
    [
      [2, 3, 4],
      [2, 1, 2],
    ],
    ([a, b]) => {
      const joined = concatenate([a, b]);
      const [left, right] = split(joined, [5, 1]);
      return add(weightedSum(slice(left, 1, 3)), add(weightedSum(right), weightedSum(reshape(joined, [6, 6]))));
    },
  );
});

test("a tensor used twice gets both gradients, whoever owns the memory of the first", async () => {
  await checkGradients(
    [
      [3, 4],
      [4, 4],
    ],
    ([x, w]) => {
      const y = add(x, linear(x, w));
      return weightedSum(add(add(y, y), linear(y, w)));
    },
  );
});

test("checkpointed segments give the same gradients as recorded ones", async () => {
  const device = referenceDevice();
  const w = parameter(device, [4, 4], "w");
  const x = parameter(device, [3, 4], "x");
  w.write(normal(1, 0, 16));
  x.write(normal(1, 1, 12));
  const body = ([input]: readonly (typeof x)[]) => add(input, swiglu(linear(input, w), linear(input, w)));
  const gradients: number[][] = [];
  for (const checkpointing of [false, true]) {
    zeroGrad([w, x]);
    scope(device, () => {
      let hidden = x;
      for (let layer = 0; layer < 3; layer++) hidden = checkpointing ? checkpoint([hidden], body) : body([hidden]);
      backward(weightedSum(hidden));
    });
    gradients.push([...(await w.grad!.read()), ...(await x.grad!.read())]);
  }
  assert.deepEqual(gradients[1], gradients[0]);
  assert.equal(device.memory.arena.liveBytes, 0);
});

test("gradients add up over micro-batches until they are zeroed", async () => {
  const device = referenceDevice();
  const w = parameter(device, [2, 2], "w");
  w.write([1, 2, 3, 4]);
  const run = () => scope(device, () => backward(weightedSum(linear(tensor(device, [1, 2], [1, 2]), w))));
  run();
  const once = Array.from(await w.grad!.read());
  run();
  assert.deepEqual(
    Array.from(await w.grad!.read()),
    once.map((value) => 2 * value),
  );
  zeroGrad([w]);
  run();
  assert.deepEqual(Array.from(await w.grad!.read()), once);
});

test("using a tensor after its scope throws and says what to do", () => {
  const device = referenceDevice();
  const escaped: { tensor?: ReturnType<typeof full> } = {};
  scope(device, () => {
    escaped.tensor = full(device, [2], 1);
  });
  assert.throws(() => escaped.tensor!.buffer, /released.*Return it from the scope/);
});

test("an asynchronous scope is refused", () => {
  const device = referenceDevice();
  assert.throws(() => scope(device, async () => {}), /asynchronous/);
});

test("wrong shapes name the operation and both shapes", () => {
  const device = referenceDevice();
  scope(device, () => {
    assert.throws(
      () => matmul(full(device, [2, 3], 1), full(device, [4, 5], 1)),
      /matmul: \[2, 3\] · \[4, 5\]: inner sizes 3 and 4/,
    );
    assert.throws(() => add(full(device, [2], 1), full(device, [3], 1)), /add: shapes \[2\] and \[3\] do not fit/);
    assert.throws(() => rmsNorm(full(device, [2, 3], 1), full(device, [2], 1)), /rmsNorm: .*\[2, 3\].*\[2\].*\[3\]/);
  });
});

test("a partial grouped product leaves rows of experts elsewhere at zero, and so their gradient", async () => {
  for (const device of [createDevice(await openWasmBackend({ threads: 2 })), createDevice(openReferenceBackend())]) {
    const [rows, k, n] = [20, 6, 5];
    const values = normal(3, 0, rows * k);
    const x = parameter(device, [rows, k], "x");
    x.write(values);
    const w = parameter(device, [2, n, k], "w");
    w.write(normal(3, 1, 2 * n * k));
    const offsets = tensor(device, [4, 9, 15], [3], "i32");
    const read = async () => {
      const y = scope(device, () => {
        const product = groupedMatmul(x, w, offsets, { partial: true });
        backward(sum(product));
        return product;
      });
      return [await y.read(), await (x.grad as Tensor).read()] as const;
    };
    // Twice: the second time the memory holds what the first has left.
    await read();
    zeroGrad([x, w]);
    const [y, dx] = await read();
    const weights = await w.read();
    for (let row = 0; row < rows; row++) {
      const expert = row >= 4 && row < 9 ? 0 : row >= 9 && row < 15 ? 1 : -1;
      for (let j = 0; j < n; j++) {
        let expected = 0;
        for (let i = 0; expert >= 0 && i < k; i++) expected += values[row * k + i] * weights[(expert * n + j) * k + i];
        assert.ok(Math.abs(y[row * n + j] - expected) < 1e-5, `y[${row}, ${j}]`);
      }
      for (let i = 0; i < k; i++) {
        let expected = 0;
        for (let j = 0; expert >= 0 && j < n; j++) expected += weights[(expert * n + j) * k + i];
        assert.ok(Math.abs(dx[row * k + i] - expected) < 1e-5, `dx[${row}, ${i}]`);
      }
    }
    await device.close();
  }
});
