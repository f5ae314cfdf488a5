/** Activations that are computed again, or kept in e4m3, where experts are divided among ranks. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runThreadRanks } from "@baltoro/training";
import type { StepsTask, Training } from "./ranks/steps.ts";

const ways = [{}, { recompute: "k2" }, { recompute: "layer" }, { recompute: "k2", store: "fp8" }] as const;
const task: StepsTask = {
  steps: 3,
  trainings: ways.map((activations) => ({ accumulation: 2, experts: true, activations })),
};

test("two ranks with divided experts: recomputed activations give the bits of kept ones, those in e4m3 round gradients", async () => {
  const outcomes = await runThreadRanks({
    size: 2,
    module: new URL("./ranks/steps.ts", import.meta.url),
    data: task,
    limitSeconds: 60,
  });
  for (const outcome of outcomes) {
    if (outcome.status === "rejected") throw outcome.reason;
    const [kept, list, layer, compressed] = outcome.value as Training[];
    assert.deepEqual(list, kept);
    assert.deepEqual(layer, kept);
    const [first, expected] = [compressed.metrics[0], kept.metrics[0]];
    assert.equal(first.loss, expected.loss);
    assert.notEqual(first.gradientNorm, expected.gradientNorm);
    assert.ok(Math.abs(first.gradientNorm / expected.gradientNorm - 1) < 0.02);
  }
});
