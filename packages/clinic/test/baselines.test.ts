import assert from "node:assert/strict";
import { test } from "node:test";
import { baselines, type Example, type Item, scorePredictions } from "@baltoro/clinic";
import { linearScores, minimize, scoreTrees, trainLogistic, trainTrees } from "../src/baselines/index.ts";
import { cholesky, kernelLogistic, kernelRidge, linearKernel } from "../src/baselines/kernel.ts";
import { learnNgrams, ngramRows } from "../src/baselines/ngrams.ts";
import { pickRows, rowCount } from "../src/baselines/sparse.ts";
import { generator } from "../src/evaluation/random.ts";

const near = (actual: number, expected: number, tolerance: number) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);

test("L-BFGS finds the minimum of Rosenbrock's valley", () => {
  const point = Float64Array.from([-1.2, 1]);
  minimize(([x, y], gradient) => {
    gradient[0] = -2 * (1 - x) - 400 * x * (y - x * x);
    gradient[1] = 200 * (y - x * x);
    return (1 - x) ** 2 + 100 * (y - x * x) ** 2;
  }, point);
  near(point[0], 1, 1e-4);
  near(point[1], 1, 1e-4);
});

const texts = ["咳嗽发热", "咳嗽咳痰", "发热三天", "流涕打喷嚏", "咳痰喘息", "喘息三天", "流涕发热", "打喷嚏"];
const targets = texts.map((text) => (text.includes("咳") ? [1, 0] : [0, 1]));

test("regression by kernel is regression on the features", () => {
  const rows = ngramRows(texts, learnNgrams(texts, { fewestNotes: 1 }));
  const kernel = linearKernel(rows);
  for (const row of kernel.keys()) near(kernel[row][row], 1, 1e-12);
  const [train, test] = [
    [0, 1, 2, 3, 4, 5],
    [6, 7],
  ];
  const own = train.map((i) => targets[i]);
  const direct = trainLogistic(pickRows(rows, train), own, { link: "softmax", l2: 0.01 });
  const expected = linearScores(direct, pickRows(rows, test));
  const found = kernelLogistic(kernel, { train, test }, own, 0.01);
  for (const [i, scores] of found.entries()) near(scores[0] - scores[1], expected[i][0] - expected[i][1], 1e-3);
  // Ridge with next to no penalty gives training targets back.
  const fitted = kernelRidge(kernel, { train, test: train }, own, 1e-9);
  for (const [i, [first]] of fitted.entries()) near(first, own[i][0], 1e-5);
  assert.throws(
    () =>
      cholesky(
        [
          [1, 1],
          [1, 1],
        ],
        0,
      ),
    /depends on those before it/,
  );
  assert.equal(rowCount(rows), texts.length);
});

test("trees find an interaction, and learn from what is missing", () => {
  const random = generator(3);
  const columns = [0, 1].map(() => Float64Array.from({ length: 600 }, random));
  const labels = Array.from({ length: 600 }, (_, i): 0 | 1 => (columns[0][i] > 0.5 !== columns[1][i] > 0.5 ? 1 : 0));
  const trees = trainTrees(columns, labels, { rounds: 60 });
  const right = labels.filter((label, i) => (scoreTrees(trees, columns, i) > 0 ? 1 : 0) === label).length;
  assert.ok(right > 560, String(right));
  const holes = Float64Array.from({ length: 600 }, (_, i) => (labels[i] === 1 ? Number.NaN : random()));
  const byHole = trainTrees([holes], labels, { rounds: 20 });
  assert.ok(scoreTrees(byHole, [Float64Array.of(Number.NaN)], 0) > 1);
  assert.ok(scoreTrees(byHole, [Float64Array.of(0.5)], 0) < -1);
  assert.deepEqual(trainTrees(columns, labels, { seed: 4 }), trainTrees(columns, labels, { seed: 4 }));
});

/** Pneumonia by high CRP, bronchitis by a word, no asthma known. */
function toy(count: number, seed: number): Example[] {
  const random = generator(seed);
  return Array.from({ length: count }, (_, i) => {
    const [ill, wheezy] = [random() < 0.4, random() < 0.5];
    const value = (ill ? 60 : 5) + 20 * random();
    const item: Item = { code: "1988-5", value, unit: "mg/L", text: "", start: 0, end: 0, status: "current" };
    return {
      id: String(i),
      input: { text: wheezy ? "咳嗽，痰鸣音" : "咳嗽，流涕", items: random() < 0.9 ? [item] : [] },
      labels: [ill ? 1 : 0, 0, wheezy ? 1 : 0, undefined],
    };
  });
}

test("every baseline learns what its inputs hold, the same each time, and says NaN of what it never saw", async () => {
  const [train, held] = [toy(300, 1), toy(200, 2)];
  const inputs = held.map(({ input }) => input);
  for (const [name, fit] of Object.entries(baselines)) {
    const model = fit(train, { seed: 5 });
    const predictions = await model.predict(inputs);
    assert.deepEqual(await fit(train, { seed: 5 }).predict(inputs), predictions, name);
    assert.ok(
      predictions.every((row) => Number.isNaN(row[3]) && Number.isNaN(row[1])),
      name,
    );
    const { diseases } = scorePredictions(held, predictions, { draws: 10 });
    const [pneumonia, bronchitis] = [diseases.pneumonia, diseases.bronchitis].map(
      (one) => one?.averagePrecision.value ?? 0,
    );
    if (name !== "ngram") assert.ok(pneumonia > 0.85, `${name} ${pneumonia}`);
    if (!["structured", "trees"].includes(name)) assert.ok(bronchitis > 0.95, `${name} ${bronchitis}`);
    assert.deepEqual(await model.predict([]), []);
  }
});
