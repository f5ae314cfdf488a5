import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { costModel, fitMeasurements, parseMeasurements, shippedFit } from "../src/costs/index.ts";

const near = (actual: number, expected: number, relative: number) =>
  assert.ok(Math.abs(actual / expected - 1) <= relative, `${actual} is not within ${relative} of ${expected}`);

test("Equation 1 gives the times that the papers' constants give", () => {
  const cost = costModel({ model: "llama3-70b", hardware: "a800", cost: "equation-1", mfu: 0.5 });
  // ../shared/notes/mooncake.md §1.6, at MFU 0.5; ours has 5 ms per step more.
  for (const [tokens, seconds] of [
    [8192, 0.916],
    [16384, 2.11],
    [32768, 5.36],
    [65536, 15.2],
    [131072, 48.5],
  ]) {
    near(cost.stepMs(tokens, 0, 0, 0), seconds * 1000, 0.01);
  }
  assert.equal(cost.kvBytesPerToken, 327_680);
});

test("Kimi K2 from first principles: size, cache, and how its decode grows with the batch", () => {
  const cost = costModel({ model: "kimi-k2", hardware: "h200x16", cost: "first-principles", mfu: 0.5 });
  assert.equal(cost.kvBytesPerToken, 576 * 61 * 2);
  // 64 GFLOP per token for 32B active weights: a prompt of 8k in about 80 ms on 16 GPUs at half their peak.
  near(cost.stepMs(8192, 0, 0, 0), 81, 0.1);
  // A step of one token reads 8 of 384 experts, of 64 tokens most of them: far less than 64 times as much.
  const [one, many] = [1, 64].map((batch) => cost.stepMs(0, 0, batch, 0));
  assert.ok(many > 1.5 * one && many < 8 * one, `${one} and ${many} ms`);
});

const costs = fc.constantFrom(
  costModel({ model: "llama3-70b", hardware: "a800", cost: "equation-1", mfu: 0.5 }),
  costModel({ model: "llama3-70b", hardware: "h800", cost: "measured", mfu: 0.5 }),
  costModel({ model: "llama3-8b", hardware: "h200", cost: "first-principles", mfu: 0.4 }),
  costModel({ model: "kimi-k2", hardware: "h200x16", cost: "first-principles", mfu: 0.5 }),
);
const tokens = fc.integer({ min: 0, max: 100_000 });

test("more work never takes less time, and a step is affine in its context", () => {
  fc.assert(
    fc.property(
      costs,
      tokens,
      tokens,
      fc.integer({ min: 0, max: 256 }),
      tokens,
      fc.integer({ min: 1, max: 1000 }),
      (cost, fresh, prefix, batch, context, more) => {
        const base = cost.stepMs(fresh, prefix, batch, context);
        assert.ok(base > 0);
        assert.ok(
          cost.stepMs(fresh + more, prefix, batch, context) >= base || (fresh === 0 && cost.name === "measured"),
        );
        if (fresh > 0) assert.ok(cost.stepMs(fresh, prefix + more, batch, context) >= base);
        if (batch > 0) assert.ok(cost.stepMs(fresh, prefix, batch + more, context) >= base);
        near(cost.stepMs(fresh, prefix, batch, context + more) - base + 1, more * cost.contextMsPerToken + 1, 1e-6);
      },
    ),
  );
});

test("a prefix saves what it would have cost, and a prompt in two pieces costs a step more", () => {
  const cost = costModel({ model: "llama3-70b", hardware: "a800", cost: "equation-1", mfu: 0.5 });
  const whole = cost.stepMs(20_000, 0, 0, 0);
  near(cost.stepMs(12_000, 0, 0, 0) + cost.stepMs(8000, 12_000, 0, 0) - 5, whole, 1e-9);
});

test("a table of measurements is fitted, and bad cells are named by line and column", () => {
  const header = "model,hardware,tensor_parallel,prompt_size,batch_size,token_size,prompt_time,token_time";
  const row = (n: number, batch: number) =>
    `m,h,8,${n},${batch},128,${20 + 0.1 * n + 1e-5 * n * n},${30 + 0.2 * batch + 1e-4 * batch * (n + 64)}`;
  const csv = [
    header,
    ...[128, 512, 2048, 8192].map((n) => row(n, 1)),
    row(512, 16),
    row(512, 64),
    "x,h,8,1,1,1,bad,1",
    "",
  ].join("\n");
  const of = { model: "m", hardware: "h", tensorParallel: 8 };
  const fit = fitMeasurements(parseMeasurements(csv, of), "test");
  for (const [i, expected] of [20, 0.1, 1e-5].entries()) near(fit.prefill[i], expected, 1e-6);
  for (const [i, expected] of [30, 0.2, 1e-4].entries()) near(fit.decode[i], expected, 1e-6);
  assert.equal(fit.maxPromptTokens, 8192);
  assert.throws(
    () => parseMeasurements(csv, { ...of, model: "x" }),
    /line 8: prompt_time is "bad", expected a number ≥ 0/,
  );
  assert.throws(() => parseMeasurements("a,b\n", of), /line 1: there is no column model/);
  assert.throws(() => fitMeasurements([], "nothing"), RangeError);
});

const data = process.env["BALTORO_DATA"] ?? join(import.meta.dirname, "../../../../shared/data");
const table = join(data, "calibration/splitwise_perf_model.csv");

test("the fits that ship are those of the table that they name", {
  skip: existsSync(table) ? false : `${table} is not there`,
}, () => {
  const csv = readFileSync(table, "utf8");
  for (const gpu of ["a100", "h100"]) {
    const shipped = shippedFit("llama2-70b", gpu);
    const made = fitMeasurements(
      parseMeasurements(csv, { model: "llama2-70b", hardware: `${gpu}-80gb`, tensorParallel: 8 }),
      "",
    );
    for (const part of ["prefill", "decode"] as const) {
      for (const [i, value] of shipped[part].entries()) near(made[part][i], value, 1e-4);
    }
    near(made.prefillError.maxRelative, shipped.prefillError.maxRelative, 0.01);
    near(made.decodeError.meanRelative, shipped.decodeError.meanRelative, 0.01);
  }
});
