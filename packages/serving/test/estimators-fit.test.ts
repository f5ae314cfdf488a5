import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import {
  createOutputPredictor,
  ErrorMeter,
  fitDecode,
  fitPrefill,
  LeastSquares,
  onlineDecode,
  onlinePrefill,
  transferEstimator,
} from "../src/estimators/index.ts";

const data = process.env.BALTORO_DATA ?? join(import.meta.dirname, "../../../../shared/data");
const near = (actual: number, wanted: number, relative: number) =>
  assert.ok(
    Math.abs(actual - wanted) <= relative * Math.abs(wanted),
    `${actual} is not within ${relative} of ${wanted}`,
  );

test("least squares finds the coefficients that made the data, and none below zero", () => {
  const coefficient = fc.double({ min: 0, max: 100, noNaN: true });
  fc.assert(
    fc.property(fc.tuple(coefficient, coefficient, coefficient), (c) => {
      const squares = new LeastSquares(3);
      for (const n of [1, 10, 100, 1000])
        for (const m of [0, 5, 70]) squares.add([1, n, m * m], c[0] + c[1] * n + c[2] * m * m, 1);
      squares.solve().forEach((value, i) => {
        assert.ok(Math.abs(value - c[i]) < 1e-4 * Math.max(1, ...c), `${value} for ${c[i]}`);
      });
    }),
  );
  const falling = new LeastSquares(2);
  for (const n of [1, 2, 3]) falling.add([1, n], 10 - n, 1);
  const [constant, slope] = falling.solve();
  near(constant, 8, 1e-9);
  assert.equal(slope, 0);
});

test("no smaller residual is found without negative coefficients", () => {
  const row = fc.tuple(
    fc.double({ min: -5, max: 5, noNaN: true }),
    fc.double({ min: -5, max: 5, noNaN: true }),
    fc.double({ min: -9, max: 9, noNaN: true }),
  );
  fc.assert(
    fc.property(
      fc.array(row, { minLength: 3, maxLength: 9 }),
      fc.array(fc.tuple(fc.double({ min: 0, max: 4, noNaN: true }), fc.double({ min: 0, max: 4, noNaN: true })), {
        minLength: 20,
        maxLength: 20,
      }),
      (rows, others) => {
        const squares = new LeastSquares(2);
        for (const [a, b, y] of rows) squares.add([a, b], y, 1);
        const residual = (c: ArrayLike<number>) =>
          rows.reduce((sum, [a, b, y]) => sum + (a * c[0] + b * c[1] - y) ** 2, 0);
        const best = residual(squares.solve());
        for (const other of others) assert.ok(best <= residual(other) + 1e-6 * (1 + residual(other)));
      },
    ),
  );
});

test("a prefill fit: exact on its own form, with its error and its reach", () => {
  const ms = (n: number, p: number) => 20 + 0.1 * (n - p) + 1e-5 * (n * n - p * p);
  const timings = [512, 2048, 8192].flatMap((n) =>
    [0, n / 2].map((p) => ({ inputTokens: n, prefixTokens: p, ms: ms(n, p) })),
  );
  const fitted = fitPrefill(timings);
  near(fitted.prefillMs(4096, 1024), ms(4096, 1024), 1e-6);
  assert.ok(fitted.error.maxRelative < 1e-6);
  assert.equal(fitted.measuredUpTo, 8192);
  // At least one token is computed, however much is there.
  near(fitted.prefillMs(4096, 4096), ms(4096, 4095), 1e-6);
});

test("measured llama2-70b timings are fitted as well as the notes say", (t) => {
  const file = join(data, "calibration/splitwise_perf_model.csv");
  if (!existsSync(file)) return t.skip(`no ${file}: set BALTORO_DATA`);
  const [head, ...lines] = readFileSync(file, "utf8").trim().split("\n");
  const names = head.split(",");
  const rows = lines.map((line) => Object.fromEntries(line.split(",").map((value, i) => [names[i], value])));
  const chosen = rows.filter(
    (row) => row.model === "llama2-70b" && row.hardware === "a100-80gb" && row.tensor_parallel === "8",
  );
  if (chosen.length === 0) return t.skip("no rows of llama2-70b on 8 A100");
  const prefill = fitPrefill(
    chosen
      .filter((row) => row.batch_size === "1")
      .map((row) => ({ inputTokens: Number(row.prompt_size), prefixTokens: 0, ms: Number(row.prompt_time) })),
  );
  assert.ok(prefill.error.meanRelative < 0.1, `mean error ${prefill.error.meanRelative}`);
});

test("online estimators start from their prior, learn what is true, and report the error before they learned", () => {
  const truth = (n: number, p: number) => 30 + 0.2 * (n - p) + 2e-5 * (n * n - p * p);
  const prior = { prefillMs: (n: number, p: number) => 10 + 0.1 * (n - p) + 1e-5 * (n * n - p * p) };
  const learned = onlinePrefill(prior);
  near(learned.prefillMs(8000, 0), prior.prefillMs(8000, 0), 1e-6);
  for (let i = 0; i < 2000; i++) {
    const n = 500 + ((i * 7919) % 20_000);
    const p = (i % 3) * (n / 4);
    learned.observe({ inputTokens: n, prefixTokens: p, ms: truth(n, p) });
  }
  near(learned.prefillMs(8000, 0), truth(8000, 0), 0.02);
  const { count, meanRelative, maxRelative, bias } = learned.error();
  assert.equal(count, 2000);
  assert.ok(maxRelative > 0.4 && meanRelative < 0.1 && bias < 0, JSON.stringify(learned.error()));

  const steps = onlineDecode({ stepMs: () => 40 });
  for (let i = 0; i < 1000; i++) {
    const batch = 1 + (i % 50);
    steps.observe({
      batch,
      contextTokens: batch * (500 + (i % 7) * 900),
      ms: 25 + 0.3 * batch + 2e-4 * batch * (500 + (i % 7) * 900),
    });
  }
  near(steps.stepMs(32, 64_000), 25 + 0.3 * 32 + 2e-4 * 64_000, 0.02);
});

test("a change of the truth is followed", () => {
  const learned = onlineDecode({ stepMs: () => 40 }, { memory: 0.99 });
  const feed = (scale: number) => {
    for (let i = 0; i < 1500; i++)
      learned.observe({ batch: 1 + (i % 30), contextTokens: 1000 * (1 + (i % 11)), ms: scale * (20 + (1 + (i % 30))) });
  };
  feed(1);
  feed(2);
  near(learned.stepMs(10, 5000), 60, 0.02);
});

test("transfers learn the share of the bandwidth that is reached", () => {
  const transfer = transferEstimator({ kvBytesPerToken: 1000, latencyMs: 1 });
  assert.equal(transfer.transferMs(0, 100, 500), 0);
  assert.equal(transfer.transferMs(10, 100, 0), 101);
  assert.equal(transfer.transferMs(10, 100, 5000), 151);
  assert.equal(transfer.transferMs(10, Number.POSITIVE_INFINITY, 5000), 1);
  for (let i = 0; i < 200; i++) transfer.observe({ tokens: 10, bytesPerMs: 100, aheadBytes: 0, ms: 201 });
  near(transfer.efficiency, 0.5, 0.001);
  near(transfer.transferMs(20, 100, 0), 401, 0.001);
});

test("output lengths: expectation and survival come to be those of the requests that finished", () => {
  const predictor = createOutputPredictor({ memory: 1 });
  near(predictor.expectedTokens(1000, 0, Number.POSITIVE_INFINITY), 256, 0.25);
  // Class 1 always puts out 100 tokens, class 2 either 10 or 1000.
  for (let i = 0; i < 2000; i++) {
    predictor.observe(1000, 1, 100);
    predictor.observe(1000, 2, i % 2 ? 10 : 1000);
  }
  near(predictor.expectedTokens(1000, 1, Number.POSITIVE_INFINITY), 100, 0.1);
  near(predictor.expectedTokens(1000, 2, Number.POSITIVE_INFINITY), 505, 0.05);
  assert.equal(predictor.expectedTokens(1000, 2, 64), 64);
  near(predictor.survival(1000, 2, 0, 500), 0.5, 0.05);
  // One that has gone on for 200 is one of the long ones.
  near(predictor.survival(1000, 2, 200, 500), 1, 0.05);
  assert.ok(predictor.survival(1000, 1, 0, 150) < 0.05);
  assert.equal(predictor.error().count, 4000);
});

test("survival is a probability, falls with length, and asking changes nothing", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ input: fc.nat(100_000), output: fc.integer({ min: 1, max: 100_000 }), kind: fc.nat(2) }), {
        maxLength: 60,
      }),
      fc.nat(200_000),
      fc.nat(200_000),
      fc.nat(200_000),
      (seen, a, b, c) => {
        const [asked, silent] = [createOutputPredictor(), createOutputPredictor()];
        for (const { input, output, kind } of seen) {
          asked.survival(input, kind, a, a + b);
          asked.expectedTokens(input, kind, Number.POSITIVE_INFINITY);
          for (const one of [asked, silent]) one.observe(input + 1, kind, output);
        }
        const near_ = asked.survival(500, 0, a, a + b);
        const far = asked.survival(500, 0, a, a + b + c);
        assert.ok(near_ >= 0 && near_ <= 1 && far <= near_ + 1e-12, `${near_} then ${far}`);
        near(asked.survival(500, 0, a, a), 1, 1e-9);
        assert.equal(far, silent.survival(500, 0, a, a + b + c));
        assert.equal(asked.expectedTokens(500, 1, 1e9), silent.expectedTokens(500, 1, 1e9));
      },
    ),
  );
});

test("the error meter: mean, 90th percentile, worst and which way", () => {
  const meter = new ErrorMeter();
  for (let i = 1; i <= 10; i++) meter.add(100 + i, 100);
  const { count, meanRelative, p90Relative, maxRelative, bias } = meter.report();
  assert.deepEqual(
    [count, p90Relative, maxRelative].map((value) => Math.round(value * 1e6) / 1e6),
    [10, 0.09, 0.1],
  );
  near(meanRelative, 0.055, 1e-9);
  near(bias, 0.055, 1e-9);
  assert.ok(Number.isNaN(new ErrorMeter().report().meanRelative));
});

test("bad measurements are named by number and field", () => {
  const good = { inputTokens: 10, prefixTokens: 0, ms: 5 };
  assert.throws(() => fitPrefill([good, good]), /2 timings; a fit needs at least 3/);
  assert.throws(() => fitPrefill([good, { ...good, inputTokens: 0 }, good]), /prefill timing 1: inputTokens is 0/);
  assert.throws(
    () => fitPrefill([good, good, { ...good, prefixTokens: 11 }]),
    /prefill timing 2: prefixTokens is 11; it must be from 0 to inputTokens, 10/,
  );
  assert.throws(() => fitDecode([{ batch: 0, contextTokens: 1, ms: 1 }]), /decode timing 0: batch is 0/);
  const online = onlinePrefill({ prefillMs: () => 10 });
  const before = online.coefficients();
  assert.throws(() => online.observe({ ...good, ms: -1 }), /prefill timing: ms is -1/);
  assert.throws(() => online.observe({ ...good, ms: Number.NaN }), /ms is NaN/);
  assert.deepEqual(online.coefficients(), before);
  assert.throws(() => transferEstimator({ kvBytesPerToken: 0 }), /kvBytesPerToken is 0/);
  assert.throws(() => createOutputPredictor({ priorMean: 0 }), /priorMean is 0/);
  assert.throws(() => createOutputPredictor().observe(1, 0, 0), /outputTokens is 0/);
});
