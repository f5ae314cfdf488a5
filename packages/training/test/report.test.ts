import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { openMetrics } from "../src/metrics/index.ts";
import {
  compareReport,
  linearTicks,
  lineChart,
  loadRunReport,
  logTicks,
  type RunReport,
  renderComparisonSvg,
  renderReport,
} from "../src/report/index.ts";
import { finiteValues, type Point, smooth, thin } from "../src/report/series.ts";
import { reaches, summarize } from "../src/report/summary.ts";
import { niceDomain } from "../src/report/ticks.ts";
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

test("linear ticks are round, within the bounds and as many as wanted", () => {
  const labels = (min: number, max: number, count: number) => linearTicks(min, max, count).labels.join(" ");
  assert.equal(labels(0, 1, 5), "0.0 0.2 0.4 0.6 0.8 1.0");
  assert.equal(labels(2.31, 4.1, 5), "2.5 3.0 3.5 4.0");
  assert.equal(labels(0, 3000, 6), "0 500 1,000 1,500 2,000 2,500 3,000");
  assert.equal(labels(0, 12.3e6, 5), "0 2M 4M 6M 8M 10M 12M");
  assert.equal(labels(0, 25_000, 5), "0 5k 10k 15k 20k 25k");
  assert.equal(labels(-1, 1, 4), "-1.0 -0.5 0.0 0.5 1.0");
  assert.deepEqual(linearTicks(0, 0.002, 4), {
    values: [0, 0.0005, 0.001, 0.0015, 0.002],
    labels: ["0.0", "0.5", "1.0", "1.5", "2.0"],
    exponent: -3,
  });
  for (const [min, max] of [
    [1, 1],
    [2, 1],
    [Number.NaN, 1],
    [0, Number.POSITIVE_INFINITY],
  ]) {
    assert.throws(() => linearTicks(min, max, 5), /ticks: domain/);
  }
});

test("ticks of any domain: ascending, inside, even, and labels tell them apart", () => {
  const bound = fc.double({ min: -1e9, max: 1e9, noNaN: true });
  fc.assert(
    fc.property(
      bound,
      fc.double({ min: 1e-6, max: 1e9, noNaN: true }),
      fc.integer({ min: 2, max: 10 }),
      (min, span, count) => {
        fc.pre(span > Math.abs(min) * 1e-6);
        const max = min + span;
        const { values, labels } = linearTicks(min, max, count);
        assert.ok(values.length >= 1 && values.length <= count * 2 + 1, `${values.length} ticks for ${count}`);
        assert.ok(values.every((value) => value >= min - span * 1e-6 && value <= max + span * 1e-6));
        for (let i = 1; i < values.length; i++) assert.ok(values[i] > values[i - 1]);
        assert.equal(new Set(labels).size, labels.length);
      },
    ),
  );
});

test("logarithmic ticks", () => {
  const labels = (min: number, max: number, count = 5) => logTicks(min, max, count).labels.join(" ");
  assert.equal(labels(0.2, 5), "0.2 0.5 1 2 5");
  assert.equal(labels(0.01, 100), "0.01 0.1 1 10 100");
  assert.equal(labels(1, 1e12, 4), "1 10k 100M 1000B");
  assert.equal(labels(3, 3.5), "3.0 3.1 3.2 3.3 3.4 3.5");
  assert.throws(() => logTicks(0, 1, 5), /above 0/);
});

test("bounds of an axis hold the values and waste little", () => {
  assert.deepEqual(niceDomain([3, 97], 5), [0, 100]);
  assert.deepEqual(niceDomain([5, 5], 5), [4.5, 5.5]);
  assert.deepEqual(niceDomain([], 5), [0, 1]);
  assert.deepEqual(niceDomain([Number.NaN, 0], 5), [-1, 1]);
  fc.assert(
    fc.property(fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 2 }), (values) => {
      const [low, high] = [Math.min(...values), Math.max(...values)];
      fc.pre(high - low > 1e-3);
      const [min, max] = niceDomain(values, 5);
      const slack = (high - low) * 1e-6;
      assert.ok(min <= low + slack && max >= high - slack, `${min} … ${max}`);
      assert.ok(max - min <= (high - low) * 1.35, `${min} … ${max} for ${low} … ${high}`);
    }),
  );
});

test("thinning keeps the extremes, the gaps and both ends", () => {
  const points: Point[] = Array.from({ length: 10_000 }, (_, x) => ({
    x,
    y: x === 5000 ? null : x === 7777 ? 99 : Math.sin(x / 300),
  }));
  const kept = thin(points, 300);
  assert.ok(kept.length <= 460);
  assert.ok(kept.some(({ x, y }) => x === 7777 && y === 99));
  assert.ok(kept.some(({ y }) => y === null));
  assert.deepEqual([kept[0], kept.at(-1)], [points[0], points.at(-1)]);
  assert.ok(kept.every(({ x }, i) => i === 0 || x > kept[i - 1].x));
  assert.equal(Math.min(...finiteValues(kept)), Math.min(...finiteValues(points)));
  assert.equal(thin(points.slice(0, 200), 300).length, 200);
});

test("smoothing leaves a line as it is, has no lag, and keeps gaps out", () => {
  const line = Array.from({ length: 50 }, (_, x) => ({ x, y: 2 * x }));
  for (const { x, y } of smooth(line, 5).slice(0, 45)) assert.ok(Math.abs(y! - 2 * x) < 1e-9);
  assert.deepEqual(
    smooth(
      [
        { x: 0, y: 1 },
        { x: 1, y: null },
        { x: 2, y: 1 },
      ],
      1,
    ).map(({ y }) => y),
    [1, 1, 1],
  );
  assert.deepEqual(smooth([{ x: 0, y: null }], 3), [{ x: 0, y: null }]);
});

test("a chart: axes, legend, a rule, gaps in the curve", () => {
  const svg = lineChart({
    alt: 'a "chart"',
    xLabel: "step",
    yLabel: "loss",
    width: 400,
    height: 240,
    rules: [{ y: 3, label: "τ = 3" }],
    series: [
      {
        label: "one <1>",
        color: "var(--c1)",
        points: [
          { x: 0, y: 1 },
          { x: 1, y: null },
          { x: 2, y: 4 },
          { x: 3, y: Number.NaN },
          { x: 4, y: 2 },
        ],
      },
      { label: "two", color: "#ff0000", points: [{ x: 0, y: 2 }], dots: true },
    ],
  });
  assert.match(svg, /aria-label="a &#34;chart&#34;"/);
  assert.match(svg, />one &#60;1&#62;<.*>two</);
  assert.match(svg, />τ = 3</);
  assert.equal(/<path class="curve" d="([^"]*)"/.exec(svg)?.[1].split("M").length, 4, "three pieces");
  assert.match(svg, /<circle class="dot"[^>]*fill="#ff0000"/);
  assert.ok(!/NaN|undefined|Infinity/.test(svg));
});

test("a chart of nothing, of one point and of one value is drawn all the same", () => {
  const chart = (points: Point[], yScale: "linear" | "log") =>
    lineChart({
      alt: "x",
      xLabel: "x",
      yLabel: "y",
      width: 300,
      height: 200,
      yScale,
      series: [{ label: "s", color: "#000", points }],
    });
  for (const points of [
    [],
    [{ x: 3, y: 7 }],
    [
      { x: 1, y: 0 },
      { x: 2, y: 0 },
    ],
    [{ x: 1, y: null }],
    [{ x: 1, y: -1 }],
  ]) {
    for (const scale of ["linear", "log"] as const)
      assert.ok(!/NaN|undefined|Infinity/.test(chart(points, scale)), `${scale} ${JSON.stringify(points)}`);
  }
});

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
