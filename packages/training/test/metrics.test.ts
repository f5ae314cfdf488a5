import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { openMetrics, readMetrics } from "../src/metrics/index.ts";

let root = "";
let path = "";
let count = 0;
before(() => {
  root = mkdtempSync(join(tmpdir(), "metrics-"));
});
beforeEach(() => {
  path = join(root, `${count++}.jsonl`);
});
after(() => rmSync(root, { recursive: true, force: true }));

function write(from: number, to: number, start: number, tag = "first"): void {
  using metrics = openMetrics(path, start);
  for (let step = from; step <= to; step++) metrics.write({ step, loss: step / 2, ...{ tag } });
}

test("a record is in the file as soon as it is written", () => {
  using metrics = openMetrics(path);
  metrics.write({ step: 1, loss: 2.5 });
  assert.equal(readFileSync(path, "utf8"), '{"step":1,"loss":2.5}\n');
  metrics.write({ step: 2, loss: Number.NaN });
  metrics.write({ step: 2, valLoss: 3 });
  metrics.sync();
  assert.deepEqual(readMetrics(path), [
    { step: 1, loss: 2.5 },
    { step: 2, loss: null },
    { step: 2, valLoss: 3 },
  ]);
});

test("a resumed run cuts off what it will write again", () => {
  write(1, 10, 0);
  write(7, 9, 6, "resumed");
  const records = readMetrics(path) as { step: number; tag: string }[];
  assert.deepEqual(
    records.map(({ step }) => step),
    [1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
  assert.deepEqual(
    records.map(({ tag }) => tag),
    [...Array(6).fill("first"), ...Array(3).fill("resumed")],
  );
});

test("a resumed run removes a line that a crash left half-written", () => {
  write(1, 3, 0);
  appendFileSync(path, '{"step":4,"lo');
  assert.equal(readMetrics(path).length, 3);
  write(4, 4, 3);
  assert.deepEqual(
    readMetrics(path).map(({ step }) => step),
    [1, 2, 3, 4],
  );
});

test("a new run starts with an empty file", () => {
  write(1, 5, 0);
  write(1, 2, 0, "new");
  assert.deepEqual(readMetrics(path), [
    { step: 1, loss: 0.5, tag: "new" },
    { step: 2, loss: 1, tag: "new" },
  ]);
});

test("long files are read across chunks", () => {
  using metrics = openMetrics(path);
  for (let step = 1; step <= 3000; step++)
    metrics.write({ step, samples: [{ prompt: "é".repeat(20), text: "x".repeat(step % 97) }] });
  const records = readMetrics(path);
  assert.equal(records.length, 3000);
  assert.ok(records.every(({ step, samples }, i) => step === i + 1 && samples?.[0].text.length === step % 97));
});

test("steps never go back, and a closed file takes nothing", () => {
  const metrics = openMetrics(path);
  metrics.write({ step: 3 });
  assert.throws(() => metrics.write({ step: 2 }), /step 2 after step 3/);
  assert.throws(() => metrics.write({ step: 3.5 }), /step 3.5/);
  metrics.close();
  metrics.close();
  assert.throws(() => metrics.write({ step: 4 }), /is closed/);
});

test("malformed lines are named by file and number", () => {
  writeFileSync(path, '{"step":1}\n{"step":\n{"step":3}\n');
  assert.throws(() => readMetrics(path), /\.jsonl:2: malformed line/);
  assert.throws(() => openMetrics(path, 3), /\.jsonl:2: malformed line/);
  writeFileSync(path, '{"step":1}\n{"loss":1}\n');
  assert.throws(() => readMetrics(path), /\.jsonl:2: a record needs "step"/);
  assert.throws(() => readMetrics(join(root, "nowhere.jsonl")), /ENOENT/);
});
