import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openMetrics } from "../src/metrics/index.ts";
import {
  compareReport,
  loadRunReport,
  type RunReport,
  renderComparisonSvg,
  renderReport,
} from "../src/report/index.ts";
import { reaches, summarize } from "../src/report/summary.ts";
import { openRun, writeRunConfig } from "../src/runfiles/index.ts";

/** A run whose loss is floor + 5/√step: the numbers that the report must show are known. */
function fakeRun(name: string, floor: number, steps = 200): RunReport {
  const lossAt = (step: number) => floor + 5 / Math.sqrt(step);
  return {
    name,
    subtitle: "a test <of> the report",
    steps: 200,
    qkClipThreshold: 50,
    config: { name, seed: 3, model: { hiddenSize: 256, layers: [1, 2] }, optimizer: { kind: name } },
    environment: { backend: "wasm", threads: 2, node: "24.21.0" },
    records: Array.from({ length: steps }, (_, i) => ({
      step: i + 1,
      tokens: (i + 1) * 1000,
      loss: i === 50 ? null : lossAt(i + 1),
      learningRate: 2e-3,
      gradientNorm: 1 / (i + 1),
      maxLogits: [i / 4, i / 3],
      loadImbalance: [1.5, 1.2],
      tokensPerSecond: 2000,
      seconds: (i + 1) / 2,
      ...((i + 1) % 20 === 0 ? { valLoss: lossAt(i + 1), valBitsPerByte: lossAt(i + 1) / 2 } : {}),
      ...(i + 1 === steps ? { samples: [{ prompt: "Once", text: " upon & <b>a</b> time" }] } : {}),
    })),
  };
}

test("the summary of a run", () => {
  const summary = summarize(fakeRun("a", 2));
  assert.equal(summary.step, 200);
  assert.equal(summary.tokens, 200_000);
  assert.equal(summary.seconds, 100);
  assert.equal(summary.tokensPerSecond, 2000);
  assert.equal(summary.valLoss, 2 + 5 / Math.sqrt(200));
  assert.deepEqual(summary.bestVal, { step: 200, loss: 2 + 5 / Math.sqrt(200) });
  assert.deepEqual(summary.highestLogit, { step: 200, value: 199 / 3 });
  assert.equal(summary.clippedSteps, 49);
  assert.ok(Math.abs(summary.trainLoss! - summary.valLoss!) < 0.01);
});

test("where a run reaches a loss", () => {
  const { records } = fakeRun("a", 2);
  const exact = reaches(records, 2 + 5 / Math.sqrt(100));
  assert.deepEqual(exact, { step: 100, tokens: 100_000 });
  const between = reaches(records, 2.52);
  assert.ok(between && between.step > 80 && between.step < 100);
  assert.equal(reaches(records, 1), null);
});

test("a report shows the numbers, escapes what is not markup and needs no network", () => {
  const html = renderReport(fakeRun("my <run>", 2));
  assert.match(html, /^<!doctype html>/);
  assert.match(html, /<title>my &#60;run&#62;<\/title>/);
  assert.match(html, /a test &#60;of&#62; the report/);
  assert.match(html, /finished/);
  for (const shown of [
    "2.354",
    "1.177",
    "200k",
    "1m 40s",
    "2.00k",
    "τ = 50",
    "Above τ in 49 of 200 steps",
    "hiddenSize",
    "1, 2",
    "wasm",
  ]) {
    assert.ok(html.includes(shown), shown);
  }
  assert.match(html, /<blockquote><b>Once<\/b> upon &#38; &#60;b&#62;a&#60;\/b&#62; time<\/blockquote>/);
  assert.ok(!/https?:\/\/(?!www\.w3\.org\/2000\/svg)|<link|src=|@import|url\((?!#)/.test(html), "nothing is fetched");
  assert.ok(!/NaN|undefined|Infinity/.test(html));
  for (const [, json] of html.matchAll(/<script type="application\/json">(.*?)<\/script>/g)) JSON.parse(json);
});

test("a label cannot end the script that holds the data", () => {
  const run = { ...fakeRun("a", 2), name: "</script><script>alert(1)</script>" };
  assert.ok(!compareReport([run, fakeRun("b", 3)]).includes("<script>alert"));
});

test("an unfinished run says so, and one without any record too", () => {
  assert.match(renderReport(fakeRun("a", 2, 30)), /step 30 of 200/);
  const empty = renderReport({ name: "none", steps: 10, config: {}, environment: {}, records: [] });
  assert.match(empty, /step 0 of 10/);
  assert.match(empty, /No step has been taken yet/);
  const onlyLoss = renderReport({
    name: "few",
    config: {},
    environment: {},
    records: [
      { step: 1, loss: 3 },
      { step: 2, loss: Number.NaN },
    ],
  });
  assert.ok(!/NaN|undefined|Infinity/.test(onlyLoss));
});

test("a comparison: who needs fewer steps, what differs", () => {
  const html = compareReport([fakeRun("muon", 2), fakeRun("adamw", 2.2)], { title: "Two" });
  assert.match(html, /<h1>Two<\/h1>/);
  assert.match(html, /steps to 2\.554/);
  assert.match(html, /200 \(100 %\)/);
  assert.match(html, /<td>optimizer › kind<\/td><td>muon<\/td><td>adamw<\/td>/);
  assert.ok(!html.includes("<td>seed</td>"), "equal settings are left out");
  assert.throws(() => compareReport([]), /no runs/);
});

test("a comparison as one SVG file with its own colours", () => {
  const runs = [fakeRun("muon", 2), fakeRun("adamw & co", 2.2)];
  const svg = renderComparisonSvg(runs, { title: "Losses", x: "tokens", width: 800, height: 400 });
  assert.match(svg, /^<svg [^>]*viewBox="-18 -14 800 400" width="800" height="400"/);
  assert.match(svg, /<style>svg\{--paper:#fff/);
  assert.match(svg, />Losses<.*>muon<.*>adamw &#38; co<.*>tokens</s);
  assert.match(svg, />2\.554<.*>2\.354</s);
  assert.match(renderComparisonSvg(runs, { theme: "dark" }), /svg\{--paper:#151b23/);
  assert.match(renderComparisonSvg(runs, { theme: "auto" }), /prefers-color-scheme:dark/);
  assert.equal(renderComparisonSvg(runs), renderComparisonSvg(runs), "the same input gives the same picture");
});

test("a report is loaded from a run directory", () => {
  const directory = mkdtempSync(join(tmpdir(), "report-"));
  try {
    const { run, lock } = openRun(join(directory, "my-run"));
    writeRunConfig(run, { steps: 3, qkClipThreshold: 30, seed: 1, environment: { threads: 2 } });
    {
      using metrics = openMetrics(run.metrics);
      for (const { step, loss } of fakeRun("x", 2, 3).records) metrics.write({ step, loss });
    }
    lock.release();
    const report = loadRunReport(run, { subtitle: "more" });
    assert.deepEqual([report.name, report.steps, report.qkClipThreshold, report.subtitle], ["my-run", 3, 30, "more"]);
    assert.deepEqual(report.environment, { threads: 2 });
    assert.equal(report.records.length, 3);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
