/** The optimizers against plain float64 arithmetic that is written out here. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createDevice, type Device, normal, openDevice, openReferenceBackend, scope, tensor } from "@baltoro/tensor";
import { adamW, muon, muonClip, newtonSchulz, newtonSchulzVariants, type OptimizedParameter } from "@baltoro/training";
import {
  type Matrix,
  matrix,
  multiply,
  newtonSchulzSteps,
  parameterOf,
  singularValues,
  transpose,
} from "./optimizer-reference.ts";

const wasm = await openDevice("wasm", { threads: 2 });
const devices: Readonly<Record<string, Device>> = { wasm, reference: createDevice(openReferenceBackend()) };
after(() => wasm.close());

/** Orthogonalizes a batch of matrices on a device. */
async function orthogonalize(device: Device, batch: readonly Matrix[], variant: keyof typeof newtonSchulzVariants) {
  const { rows, columns } = batch[0];
  const flat = Float32Array.from(batch.flatMap(({ values }) => [...values]));
  const kept = parameterOf(device, [batch.length, rows, columns], flat, false);
  const result = await scope(device, () => newtonSchulz(kept, variant).alias()).read();
  return batch.map((_, i) => matrix(rows, columns, result.slice(i * rows * columns, (i + 1) * rows * columns)));
}

/** A random matrix with singular values that spread, but none below a hundredth of the norm. */
function random(rows: number, columns: number, seed: number): Matrix {
  const values = normal(seed, 0, rows * columns, 1);
  return matrix(
    rows,
    columns,
    values.map((value, i) => (value + (i % (columns + 1) === 0 ? 12 : 0)) * 8 ** (-(i % columns) / columns)),
  );
}

const shapes = [
  ["square", 24, 24, 1],
  ["wide", 16, 40, 1],
  ["tall", 40, 16, 1],
  ["odd sizes", 7, 13, 1],
  ["batched experts", 32, 24, 5],
] as const;

for (const [name, device] of Object.entries(devices)) {
  // The bounds are the extremes of the composed polynomials over singular values from 1/100 of the norm.
  for (const [shape, rows, columns, count] of shapes) {
    test(`Newton–Schulz makes ${shape} matrices nearly orthogonal (${name})`, async () => {
      const batch = Array.from({ length: count }, (_, i) => random(rows, columns, 10 + i));
      const spread = batch.map(singularValues).map((values) => Math.max(...values) / Math.min(...values));
      assert.ok(Math.min(...spread) > 2, "the matrices are orthogonal from the start");
      const distance = (values: readonly number[]) => Math.max(...values.map((value) => Math.abs(value - 1)));
      const muonValues = (await orthogonalize(device, batch, "muon")).flatMap(singularValues);
      for (const value of muonValues)
        assert.ok(value > 0.68 && value < 1.135, `Muon leaves the singular value ${value}`);
      const polar = (await orthogonalize(device, batch, "polar-express")).flatMap(singularValues);
      assert.ok(
        distance(polar) < distance(muonValues) && distance(polar) < 0.142,
        `Polar Express is off by ${distance(polar)}, Muon by ${distance(muonValues)}`,
      );
    });
  }

  test(`Newton–Schulz equals its formula in float64, batch or not, tall or wide (${name})`, async () => {
    for (const variant of ["muon", "polar-express"] as const) {
      const batch = Array.from({ length: 3 }, (_, i) => random(20, 12, 30 + i));
      const { coefficients, safety } = newtonSchulzVariants[variant];
      const expected = batch.map((m) => newtonSchulzSteps(m, coefficients, safety));
      assertClose((await orthogonalize(device, batch, variant)).flatMap(toArray), expected.flatMap(toArray), 1e-5);
      const across = await orthogonalize(device, batch.map(transpose), variant);
      assertClose(across.map(transpose).flatMap(toArray), expected.flatMap(toArray), 1e-5);
    }
  });

  test(`Muon equals a float64 implementation over three steps (${name})`, async () => {
    for (const nesterov of [true, false]) {
      const shapesOf = { square: [16, 16], tall: [24, 16], experts: [3, 16, 8], odd: [7, 5] } as const;
      const weights = Object.entries(shapesOf).map(([key, shape], i) => ({
        key,
        shape,
        w: Float64Array.from(normal(50 + i, 0, sizeOf(shape), 0.3)),
        m: new Float64Array(sizeOf(shape)),
      }));
      const parameters = weights.map(
        ({ key, shape, w }): OptimizedParameter => ({
          name: key,
          tensor: parameterOf(device, shape, w),
          group: "muon",
        }),
      );
      const optimizer = muon({ nesterov, momentum: 0.9, weightDecay: 0.2 });
      const state = optimizer.init(device, parameters);
      const clip = parameterOf(device, [1], [0.5], false);
      const learningRate = 0.03;
      for (let step = 0; step < 3; step++) {
        optimizer.write(state, { learningRate, step });
        for (const [i, { w, m, shape }] of weights.entries()) {
          const g = normal(90 + step, i, w.length, 1);
          parameters[i].tensor.grad?.write(g);
          const update = m.map((momentum, at) => {
            m[at] = 0.9 * momentum + 0.5 * g[at];
            return nesterov ? 0.5 * g[at] + 0.9 * m[at] : m[at];
          });
          const [rows, columns] = shape.slice(-2);
          for (let at = 0; at < w.length; at += rows * columns) {
            const part = matrix(rows, columns, update.slice(at, at + rows * columns));
            const { values } = newtonSchulzSteps(part, newtonSchulzVariants.muon.coefficients, 1);
            const scale = 0.2 * Math.sqrt(Math.max(rows, columns));
            for (const [j, o] of values.entries()) w[at + j] -= learningRate * (o * scale + 0.2 * w[at + j]);
          }
        }
        scope(device, () => optimizer.update(state, clip));
      }
      for (const [i, { w }] of weights.entries()) assertClose(await parameters[i].tensor.read(), w, 2e-5);
      assert.deepEqual(
        [...optimizer.tensors(state).keys()].sort(),
        weights.map(({ key }) => `muon.momentum.${key}`).sort(),
      );
      for (const [i, momentum] of [...optimizer.tensors(state).values()].entries())
        assertClose(await momentum.read(), weights[i].m, 2e-5);
    }
  });

  test(`a head at a time, Muon updates each head as a matrix of its own (${name})`, async () => {
    const w = normal(1, 0, 32 * 12, 0.1);
    const g = normal(2, 0, 32 * 12, 1);
    const run = async (perHead: boolean, rows: number, values: Float32Array, gradient: Float32Array) => {
      const weight = parameterOf(device, [rows, 12], values);
      weight.grad?.write(gradient);
      const optimizer = muon({ perHead });
      const state = optimizer.init(device, [{ name: "w", tensor: weight, group: "muon", heads: 4 }]);
      optimizer.write(state, { learningRate: 0.1, step: 0 });
      scope(device, () => optimizer.update(state, parameterOf(device, [1], [1], false)));
      return weight.read();
    };
    const together = await run(true, 32, w, g);
    for (let head = 0; head < 4; head++) {
      const part = [head * 96, (head + 1) * 96] as const;
      const alone = await run(false, 8, w.slice(...part), g.slice(...part));
      assertClose(together.slice(...part), alone, 1e-6);
    }
    assert.ok(relativeDistance(await run(false, 32, w, g), together) > 1e-2, "perHead changes nothing");
  });

  test(`AdamW equals its formulas over five steps, weight decay decoupled (${name})`, async () => {
    const [beta1, beta2, eps, weightDecay] = [0.8, 0.95, 1e-6, 0.3];
    const w = Float64Array.from(normal(3, 0, 37, 1));
    const [m, v] = [new Float64Array(37), new Float64Array(37)];
    const weight = parameterOf(device, [37], w);
    const optimizer = adamW({ beta1, beta2, eps, weightDecay });
    const state = optimizer.init(device, [{ name: "w", tensor: weight, group: "adamw" }]);
    for (let step = 0; step < 5; step++) {
      const learningRate = 0.01 * (step + 1);
      const g = normal(4 + step, 1, 37, 10 ** -step);
      weight.grad?.write(g);
      optimizer.write(state, { learningRate, step });
      scope(device, () => optimizer.update(state, parameterOf(device, [1], [0.25], false)));
      for (const i of w.keys()) {
        const gradient = 0.25 * g[i];
        m[i] = beta1 * m[i] + (1 - beta1) * gradient;
        v[i] = beta2 * v[i] + (1 - beta2) * gradient ** 2;
        const adaptive = m[i] / (1 - beta1 ** (step + 1)) / (Math.sqrt(v[i] / (1 - beta2 ** (step + 1))) + eps);
        w[i] = w[i] - learningRate * weightDecay * w[i] - learningRate * adaptive;
      }
      assertClose(await weight.read(), w, 1e-5);
    }
  });

  test(`without a gradient, weight decay is all that is left: it never passes through the moments (${name})`, async () => {
    const start = normal(8, 0, 16 * 16, 1);
    for (const group of ["muon", "adamw"] as const) {
      const weight = parameterOf(device, [16, 16], start);
      weight.grad?.write(new Float32Array(256));
      const optimizer = muonClip({ muon: { weightDecay: 0.5 }, adamW: { weightDecay: 0.5 }, tau: 0 });
      const state = optimizer.init(device, [{ name: "w", tensor: weight, group }], []);
      optimizer.write(state, { learningRate: 0.1, step: 0 });
      scope(device, () => optimizer.update(state));
      assertClose(
        await weight.read(),
        start.map((value) => value * 0.95),
        1e-6,
      );
    }
  });

  test(`gradients are clipped by their norm over all parameters of both groups (${name})`, async () => {
    const [a, b] = [normal(5, 0, 256, 1), normal(6, 0, 100, 2)];
    const norm = Math.hypot(...a, ...b);
    for (const [maxGradientNorm, factor] of [
      [norm / 4, 0.25],
      [norm * 2, 1],
      [0, 1],
    ] as const) {
      const tensors = [parameterOf(device, [16, 16], a), parameterOf(device, [100], b)];
      tensors[0].grad?.write(a);
      tensors[1].grad?.write(b);
      const optimizer = muonClip({ maxGradientNorm, tau: 0 });
      const state = optimizer.init(
        device,
        [
          { name: "a", tensor: tensors[0], group: "muon" },
          { name: "b", tensor: tensors[1], group: "adamw" },
        ],
        [],
      );
      optimizer.write(state, { learningRate: 0.01, step: 0 });
      scope(device, () => optimizer.update(state));
      assertClose([await state.gradientNorm.item(), await state.clip.item()], [norm, factor], 1e-5);
      const state0 = optimizer.tensors(state);
      // The first momentum is the clipped gradient itself, the first moment a twentieth … of it (β₁ 0.9).
      assertClose(
        (await state0.get("muon.momentum.a")?.read()) ?? [],
        a.map((value) => value * factor),
        1e-5,
      );
      assertClose(
        (await state0.get("adamw.first.b")?.read()) ?? [],
        b.map((value) => 0.1 * value * factor),
        1e-5,
      );
    }
  });
}

test("Muon says what it cannot take", () => {
  const device = devices["reference"];
  const vector: OptimizedParameter = {
    name: "norm",
    tensor: parameterOf(device, [8], new Float32Array(8)),
    group: "muon",
  };
  assert.throws(() => muon().init(device, [vector]), /norm has shape \[8\].*expected a matrix.*give it to AdamW/);
  const heads = {
    name: "q",
    tensor: parameterOf(device, [9, 4], new Float32Array(36)),
    group: "muon",
    heads: 2,
  } as const;
  assert.throws(
    () => muon({ perHead: true }).init(device, [heads]),
    /q \[9, 4\] has rows that do not divide among 2 heads/,
  );
  const bare = { name: "w", tensor: tensor(device, new Float32Array(4), [2, 2]), group: "muon" } as const;
  const optimizer = muon();
  const state = optimizer.init(device, [bare]);
  const clip = parameterOf(device, [1], [1], false);
  assert.throws(() => scope(device, () => optimizer.update(state, clip)), /the parameter w has no gradient/);
});

test("the float64 reference of this file is itself right on a matrix that is known", () => {
  const rotation = matrix(2, 2, [0.6, -0.8, 0.8, 0.6]);
  const stretched = multiply(rotation, matrix(2, 2, [3, 0, 0, 0.5]));
  assertClose(singularValues(stretched).sort(), [0.5, 3], 1e-9);
  const { coefficients, safety } = newtonSchulzVariants["polar-express"];
  assertClose(toArray(newtonSchulzSteps(stretched, coefficients, safety)), toArray(rotation), 0.142);
});

function toArray({ values }: Matrix): number[] {
  return [...values];
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, axis) => product * axis, 1);
}

/** ‖a − b‖ / ‖b‖. */
function relativeDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const difference = Math.hypot(...Array.from(a, (value, i) => value - b[i]));
  return difference / Math.max(Math.hypot(...Array.from(b)), 1e-30);
}

function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  assert.equal(actual.length, expected.length);
  const distance = relativeDistance(actual, expected);
  assert.ok(distance <= tolerance, `differs by ${distance}, allowed ${tolerance}`);
}
