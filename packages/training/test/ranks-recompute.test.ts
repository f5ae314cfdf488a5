/** Activations that are computed again, or kept in e4m3, where experts are divided among ranks. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runThreadRanks } from "@baltoro/training";
import type { rank } from "./ranks/recompute.ts";

const ways = [{}, { recompute: "k2" }, { recompute: "layer" }, { recompute: "k2", store: "fp8" }] as const;

test("two ranks with divided experts: recomputed activations give the bits of kept ones, those in e4m3 round gradients", async () => {
  const module = new URL("./ranks/recompute.ts", import.meta.url);
  for (const outcome of await runThreadRanks({ size: 2, module, data: ways, limitSeconds: 60 })) {
    if (outcome.status === "rejected") throw outcome.reason;
    const [kept, list, layer, compressed] = outcome.value as Awaited<ReturnType<typeof rank>>;
    assert.ok(kept.metrics.every(Number.isFinite));
    assert.deepEqual(list, kept);
    assert.deepEqual(layer, kept);
    const [loss, gradientNorm] = compressed.metrics;
    assert.equal(loss, kept.metrics[0]);
    assert.notEqual(gradientNorm, kept.metrics[1]);
    assert.ok(Math.abs(gradientNorm / kept.metrics[1] - 1) < 0.02);
  }
});
