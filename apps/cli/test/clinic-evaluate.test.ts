/** The command on a small model of its own making. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { EvaluationReport } from "@baltoro/clinic";

const program = join(import.meta.dirname, "../src/main.ts");
const folder = mkdtempSync(join(tmpdir(), "baltoro-clinic-evaluate-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function clinic(...args: string[]): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, "clinic", ...args], {
    encoding: "utf8",
    timeout: 240_000,
  });
  return { status, out: stdout, err: stderr };
}

const model = join(folder, "model");
const data = join(folder, "notes.jsonl");
const lines = Array.from({ length: 160 }, (_, i) =>
  JSON.stringify({
    ...{
      id: `n${i}`,
      text: `患儿${1 + (i % 7)}岁，咳嗽，${i % 2 ? "湿啰音" : "流涕"}，第${i}例`,
      labels: [i % 2 ? "pneumonia" : "rti"],
    },
    split: i < 80 ? "train" : i < 110 ? "validation" : "test",
  }),
);

before(() => {
  writeFileSync(data, `${lines.join("\n")}\n`);
  const { status, err } = clinic("train", "--data", data, "--out", model, "--threads", "1");
  assert.equal(status, 0, err);
});

test("scores a split, as JSON and as a page", () => {
  const page = join(folder, "report.html");
  const args = ["--data", data, "--model", model, "--split", "test", "--draws", "100", "--report", page];
  const { status, out, err } = clinic("evaluate", ...args, "--json");
  assert.equal(status, 0, err);
  const report = JSON.parse(out) as EvaluationReport & { model: { hash: string } };
  assert.equal(report.notes, 50);
  assert.match(report.model.hash, /^[0-9a-f]{64}$/);
  assert.equal(report.diseases.pneumonia?.positives, 25);
  assert.deepEqual(report.left, ["bronchitis", "asthma"]);
  const { low, value, high } = report.meanAveragePrecision;
  assert.ok(low <= value && value <= high);
  const html = readFileSync(page, "utf8");
  assert.match(html, /Reliability[\s\S]*Risk by coverage/);
  assert.ok(!html.includes("患儿"), "no note text in a report");
  assert.match(clinic("evaluate", ...args).out, /Ranking and calibration[\s\S]*Accuracy/);
});

test("what is no labelled note is told by line, without its text, and the rest is scored", () => {
  const bad = join(folder, "bad.jsonl");
  writeFileSync(
    bad,
    [...lines.slice(0, 20), "{canary", '{"id":1,"text":"canary","labels":["flu"]}', '{"id":2,"text":"canary"}'].join(
      "\n",
    ),
  );
  const { status, out, err } = clinic("evaluate", "--data", bad, "--model", model, "--draws", "10");
  assert.equal(status, 1);
  assert.match(out, /20 labelled notes of bad\.jsonl/);
  assert.match(err, /line 21: not JSON\n.*line 22: labels holds "flu"[\s\S]*1 of 21 notes have no label/);
  assert.ok(!err.includes("canary"));
  const none = clinic("evaluate", "--data", join(folder, "none.jsonl"), "--model", model);
  assert.equal(none.status, 1);
  assert.match(none.err, /there is no .*none\.jsonl/);
  assert.match(clinic("evaluate", "--model", model).err, /--data is missing/);
});
