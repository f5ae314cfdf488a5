/** The report of a simulation, on a result whose numbers are known and on real ones. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { simulate } from "../src/simulator/index.ts";
import { htmlReport, reportJson, terminalReport } from "../src/simulator-report/index.ts";
import { bytes, share, significant, time } from "../src/simulator-report/quantities.ts";
import { generateTrace, parameterPresets } from "../src/traces/index.ts";
import { fakeResult } from "./fake-result.ts";

const plain = { columns: 100, color: false, unicode: true };
const text = (result = fakeResult(), style = plain) => terminalReport(result, style).join("\n");

test("quantities", () => {
  assert.deepEqual([0, 0.38, 48.84, 999.4, 999.6, 4210, 125_000, 725_000, null].map(time), [
    "0 ms",
    "0.38 ms",
    "48.8 ms",
    "999 ms",
    "1 s",
    "4.21 s",
    "125 s",
    "12m 05s",
    "–",
  ]);
  assert.deepEqual([0, 0.0012, 0.00004, 0.8512, 1, null].map(share), [
    "0.0 %",
    "0.12 %",
    "0.00 %",
    "85.1 %",
    "100.0 %",
    "–",
  ]);
  assert.deepEqual([0, 640, 999.9, 1.234e9, 4e16].map(bytes), ["0 B", "640 B", "1 kB", "1.23 GB", "40 PB"]);
  assert.deepEqual([-0.8123, 0.0123, 1234.4, null].map(significant), ["−0.812", "0.0123", "1,234", "–"]);
});

/** What notes and issue ask of a report, as this result has it. */
const shown = [
  "850", // effective
  "complete, but too slow",
  "rejected at arrival: TTFT",
  "rejected before decode: TBT",
  "impossible",
  "TTFT",
  "TBT, longest tenth",
  "TPOT",
  "ITL",
  "end to end",
  "4.21 s",
  "61 ms",
  "85.0 %",
  "30.6 %", // hit ratio
  "37.4 %", // of an infinite cache
  "134 GB",
  "3.9 TB",
  "1.17×",
  "7.4 %",
  "−0.81",
  "+15 s",
  "0.35 prefill, 0.14 decode",
  "4,321 dram",
  "1.35", // mean copies of hot blocks
  "bias −3.0 %",
  "b8cbb061a85206d729d91cdc2981f43c9e0d99209dce588d3af5f7934408b9df",
  "equation-1",
  "123,456",
  "speed 2",
  "failures of nodes",
];

test("the terminal shows all of it, within its width, in colour or without", () => {
  for (const columns of [60, 80, 100, 140, 400]) {
    const lines = terminalReport(fakeResult(), { columns, color: false, unicode: true });
    for (const line of lines) assert.ok(line.length < columns, `${line.length} of ${columns}: ${line}`);
    const colored = terminalReport(fakeResult(), { columns, color: true, unicode: true });
    assert.deepEqual(
      colored.map((line) => stripVTControlCharacters(line).trimEnd()),
      lines.map((line) => line.trimEnd()),
    );
  }
  const whole = text();
  for (const part of shown) assert.ok(whole.includes(part), part);
  assert.ok(!/undefined|NaN|Infinity|null/.test(whole));
});

test("a terminal without Unicode gets ASCII", () => {
  const lines = terminalReport(fakeResult(), { columns: 80, color: false, unicode: false });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: everything but printable ASCII
  for (const line of lines) assert.ok(!/[^\x00-\x7e]/.test(line), line);
});

test("the page shows all of it, escapes what it is given and needs no network", () => {
  const html = htmlReport(fakeResult(), { command: "npx baltoro simulate --trace 'my <log>.jsonl'" });
  for (const part of [
    ...shown,
    "Copies of hot blocks",
    "Load of prefill and decode",
    "prefill-0",
    "balancingThreshold",
  ])
    assert.ok(html.includes(part), part);
  assert.match(html, /my &#60;log&#62;\.jsonl/);
  assert.ok(!/<log>|undefined|NaN|Infinity/.test(html));
  assert.ok(!/https?:\/\/(?!www\.w3\.org\/2000\/svg)|<link|src=|@import|url\((?!#)/.test(html), "nothing is fetched");
  for (const [, json] of html.matchAll(/<script type="application\/json">(.*?)<\/script>/g)) JSON.parse(json);
});

test("the badge says whether the goodput was reached", () => {
  assert.match(htmlReport(fakeResult()), /class="badge open">85\.0 % effective/);
  assert.match(htmlReport(fakeResult(), { goodput: 0.85 }), /class="badge">85\.0 % effective/);
});

test("JSON: everything, in an order of its own, and the numbers of a series in one line", () => {
  const json = reportJson(fakeResult());
  assert.deepEqual(JSON.parse(json), JSON.parse(JSON.stringify(fakeResult())));
  assert.match(json, /\n {4}"prefillLoad": \[[\d.,e-]+\],\n/);
  assert.ok(json.endsWith("}\n"));
});

test("nothing completed, nothing sampled, nobody there: a report all the same", () => {
  const none = { count: 0, mean: null, p50: null, p90: null, p95: null, p99: null, max: null };
  const base = fakeResult();
  const empty = fakeResult({
    requests: {
      total: 3,
      completed: 0,
      rejected: 3,
      impossible: 0,
      effective: 0,
      rejections: [{ stage: "arrival", limit: "ttft", count: 3 }],
      preemptions: 0,
    },
    latencies: Object.fromEntries(
      Object.keys(base.latencies).map((key) => [key, none]),
    ) as unknown as typeof base.latencies,
    series: Object.fromEntries(Object.keys(base.series).map((key) => [key, []])) as unknown as typeof base.series,
    cache: { ...base.cache, promptTokens: 0, hotBlocks: [] },
    oscillation: {
      correlation: null,
      worstCorrelation: null,
      worstShiftMs: null,
      prefillAmplitude: 0,
      decodeAmplitude: 0,
      rejectionBurstiness: null,
    },
    predictions: { ttft: null, tbt: null },
    nodes: [],
    notModelled: [],
  });
  for (const report of [text(empty), htmlReport(empty)]) assert.ok(!/undefined|NaN|Infinity/.test(report));
});

test("a run that was stopped says so", () => {
  const { requests } = fakeResult();
  const stopped = fakeResult({ requests: { ...requests, total: 950, completed: 800, effective: 750 } });
  assert.match(text(stopped).replaceAll("\n", " "), /stopped after 59m 00s, when 950 requests had come/);
  assert.match(text(stopped), /unfinished when the run was stopped +50/);
  assert.match(htmlReport(stopped), /class="badge open">stopped/);
  assert.ok(!text().includes("stopped"));
});

test("the same trace, configuration and seed give the same reports, to the byte; wall time is in none", () => {
  const run = (seed: number, cluster: string) => {
    const trace = generateTrace({ ...parameterPresets.chat, requests: 400 }, seed);
    const { result } = simulate(trace, { cluster, admission: "predictive", policy: "random", seed });
    return [reportJson(result), htmlReport(result), terminalReport(result, plain).join("\n")];
  };
  for (const cluster of ["3P1D", "4M"]) {
    assert.deepEqual(run(3, cluster), run(3, cluster));
    assert.notDeepEqual(run(3, cluster), run(4, cluster));
    for (const report of run(3, cluster)) assert.ok(!/undefined|NaN|Infinity|wallMs|decisionMicros/.test(report));
  }
});
