/** Whole runs on several ranks: stopped, resumed under the same and under another number of ranks. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { latestCheckpoint, type MetricsRecord, readMetrics, runDirectory, runThreadRanks } from "@baltoro/training";
import type { PretrainTask } from "./ranks/pretrain.ts";

const module = new URL("./ranks/pretrain.ts", import.meta.url);
const folder = mkdtempSync(join(tmpdir(), "ranks-pretrain-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const data = join(folder, "text.txt");
const words = "the fox and the crow sat by a river that ran past old stone walls while winter wind sang".split(" ");
writeFileSync(
  data,
  Array.from({ length: 3000 }, (_, i) => words[(i * i + (i % 7) * 3) % words.length] + (i % 90 ? " " : "\n\n\n")).join(
    "",
  ),
);
const at = (name: string) => join(folder, name);

async function run(size: number, task: Omit<PretrainTask, "data">): Promise<{ step: number; log: string[] }> {
  const outcomes = await runThreadRanks({ size, module, data: { ...task, data }, limitSeconds: 20 });
  const results = outcomes.map((outcome) => {
    if (outcome.status === "rejected") throw outcome.reason;
    return outcome.value as { step: number; log: string[] };
  });
  for (const { step, log } of results.slice(1)) {
    assert.equal(step, results[0].step);
    assert.deepEqual(log, [], "only rank 0 talks");
  }
  return results[0];
}

const records = (directory: string) => readMetrics(runDirectory(directory).metrics);
const losses = (directory: string) =>
  records(directory).map(({ loss, valLoss }: MetricsRecord) => loss ?? valLoss ?? Number.NaN);

function checkpointOf(directory: string): { readonly [file: string]: Buffer } {
  const { checkpoint } = latestCheckpoint(runDirectory(directory).checkpoints);
  assert.ok(checkpoint);
  return Object.fromEntries(
    ["model.safetensors", "optimizer.safetensors"].map((file) => [file, readFileSync(join(checkpoint.path, file))]),
  );
}

function assertClose(actual: readonly number[], expected: readonly number[]): void {
  assert.equal(actual.length, expected.length);
  for (const [i, value] of actual.entries())
    assert.ok(Math.abs(value - expected[i]) <= 1e-5, `record ${i}: ${value}, not ${expected[i]}`);
}

test("a run of two ranks is stopped by rank 0, and resumed by two and four", async () => {
  await run(1, { directory: at("one") });
  await run(2, { directory: at("two") });
  assertClose(losses(at("two")), losses(at("one")));
  const val = records(at("two")).map(({ valLoss }) => valLoss);
  assert.ok(val.filter((value) => typeof value === "number").length >= 3);

  const { step } = await run(2, { directory: at("stopped"), stopAt: 4 });
  assert.equal(step, 4);
  for (const size of [2, 4]) {
    const directory = at(`resumed-${size}`);
    cpSync(at("stopped"), directory, { recursive: true });
    const { step: end, log } = await run(size, { directory, resume: true, expertParallel: size === 4 });
    assert.equal(end, 10);
    assertClose(losses(directory), losses(at("one")));
    const warned = log.some((line) => line.includes(`ranks was 2, is ${size}`));
    assert.equal(warned, size !== 2, log.join("\n"));
    if (size === 2) assert.deepEqual(checkpointOf(directory), checkpointOf(at("two")), "the same bits");
  }
});

test("divided experts go into one checkpoint, from which one rank goes on", async () => {
  const directory = at("experts");
  await run(2, { directory, stopAt: 5, expertParallel: true });
  await run(1, { directory, resume: true });
  assertClose(losses(directory), losses(at("one")));
});

test("ranks that were started with different options, or a batch that does not divide, are refused", async () => {
  await assert.rejects(run(2, { directory: at("odd"), odd: 1 }), /the ranks do not train the same run/);
  await assert.rejects(run(3, { directory: at("three") }), /a batch of 4 sequences does not divide among 3 ranks/);
});

test("what ends rank 0 before the first step ends the others", async () => {
  const outcomes = await runThreadRanks({
    size: 2,
    module,
    data: { directory: at("one"), data },
    limitSeconds: 20,
  });
  for (const outcome of outcomes) {
    assert.ok(outcome.status === "rejected");
    assert.match(String(outcome.reason), /holds a run at step 10: resume it/);
  }
});
