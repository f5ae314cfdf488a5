import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { chartDomain } from "../src/chart.ts";
import {
  compactNumber,
  duration,
  finiteValues,
  groupedInteger,
  linearTicks,
  lineChart,
  logTicks,
  niceDomain,
  type Point,
  rate,
  renderStack,
  renderTable,
  type Series,
  smooth,
  thin,
} from "../src/index.ts";

test("units", () => {
  const numbers = [0, 7, 0.1234, 950, 999.4, 999.6, 1234, 45_678_901, 2e9, 3.5e12, Number.NaN].map(compactNumber);
  assert.deepEqual(numbers, ["0", "7", "0.12", "950", "999", "1.00k", "1.23k", "45.7M", "2.00B", "3.50T", "–"]);
  const times = [1e12, 0, 9.94, 9.96, 59.6, 185, 3599.6, 7620, 86_399, 273_600, -1, Number.POSITIVE_INFINITY].map(
    duration,
  );
  assert.deepEqual(times, [
    ">999d",
    "0.0s",
    "9.9s",
    "10s",
    "1m 00s",
    "3m 05s",
    "1h 00m",
    "2h 07m",
    "1d 0h",
    "3d 4h",
    "–",
    "–",
  ]);
  assert.deepEqual([groupedInteger(1234567), rate(0.002), rate(Number.NaN)], ["1,234,567", "2.00e-3", "–"]);
});

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

test("values on a bound that was given, or beyond it, are no error", () => {
  for (const [values, yDomain] of [
    [
      [1, 1],
      [1, null],
    ],
    [
      [0.9999, 0.9998],
      [1, null],
    ],
    [
      [0, 0],
      [0, null],
    ],
    [
      [5, 6],
      [null, 5],
    ],
    [
      [7, 8],
      [null, 5],
    ],
  ] as const) {
    const [low, high] = chartDomain({
      alt: "flat",
      width: 300,
      height: 200,
      xLabel: "step",
      yLabel: "value",
      yDomain,
      series: [{ label: "flat", color: "red", points: values.map((y, x) => ({ x, y })) }],
    }).y;
    assert.ok(low < high && (yDomain[0] ?? low) === low && (yDomain[1] ?? high) === high, `${low} … ${high}`);
  }
});

test("columns stand on zero, and an area closes under each piece of its curve", () => {
  const draw = (series: Partial<Series>, points: Point[]) =>
    lineChart({
      alt: "x",
      xLabel: "node",
      yLabel: "%",
      width: 400,
      height: 240,
      yDomain: [0, 100],
      series: [{ label: "s", color: "#123456", points, ...series }],
    });
  const columns = draw({ columns: true }, [
    { x: 0, y: 50 },
    { x: 1, y: 0 },
    { x: 2, y: null },
    { x: 3, y: 100 },
  ]);
  const path = /<path d="([^"]*)" fill="#123456"/.exec(columns)?.[1] ?? "";
  assert.equal(path.split("z").length - 1, 2, "one for each value above 0");
  const [frame] = [JSON.parse(/data-frame="([^"]*)"/.exec(columns)![1].replaceAll("&#34;", '"'))];
  assert.deepEqual(frame.x, [-0.5, 3.5], "the first and the last are whole");
  assert.ok(path.includes(`V${frame.top}h`), "100 reaches the top");
  const area = draw({ area: true }, [
    { x: 0, y: 10 },
    { x: 1, y: 20 },
    { x: 2, y: null },
    { x: 3, y: 30 },
    { x: 4, y: 20 },
  ]);
  const filled = /<path d="([^"]*)" fill="#123456"[^>]*opacity="0.14"/.exec(area)?.[1] ?? "";
  assert.equal(filled.split("z").length - 1, 2);
  assert.ok(!/NaN|undefined|Infinity/.test(columns + area));
});

test("a stack tells shares and leaves out what is nothing; a table marks what is bad; both escape", () => {
  const stack = renderStack(
    [
      { label: "<hit>", value: 3, color: "red" },
      { label: "none", value: 0, color: "blue" },
      { label: "computed", value: 1, color: "green" },
    ],
    (value) => `${value} k`,
  );
  assert.match(stack, /&#60;hit&#62; <b>3 k<\/b> <small>75.0 %/);
  assert.ok(!stack.includes("none"));
  assert.ok(!/NaN/.test(renderStack([{ label: "a", value: 0, color: "red" }], String)));
  const table = renderTable(["a", "b"], [["<x>", { bad: "9 s" }]]);
  assert.match(table, /<td>&#60;x&#62;<\/td><td class="bad">9 s<\/td>/);
});

test("whole numbers along an axis of things that are counted; a rule at the top has its label below", () => {
  const chart = (xWhole: boolean) =>
    lineChart({
      alt: "x",
      xLabel: "nodes",
      xWhole,
      yLabel: "%",
      yDomain: [0, 100],
      width: 1400,
      height: 300,
      rules: [{ y: 99, label: "target" }],
      series: [{ label: "s", color: "#000", points: [2, 3, 4].map((x) => ({ x, y: 10 * x })) }],
    });
  assert.match(chart(false), />2\.5</);
  assert.ok(!/>2\.5</.test(chart(true)) && />3</.test(chart(true)));
  const { top } = JSON.parse(/data-frame="([^"]*)"/.exec(chart(true))![1].replaceAll("&#34;", '"'));
  assert.ok(Number(/rule-label" x="[\d.]+" y="([\d.]+)"/.exec(chart(true))![1]) > top + 10);
});
