import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { simulate } from "../src/simulator/index.ts";
import { readTrace } from "../src/traces/index.ts";

const data = process.env["BALTORO_DATA"] ?? join(import.meta.dirname, "../../../../shared/data");
const path = join(data, "traces/conversation_trace.jsonl");
const skip = existsSync(path) ? false : `${path} is not there`;

test("the conversation trace: policies come in the papers' order, and a split cluster serves it", {
  skip,
}, async () => {
  const trace = await readTrace(path);
  const ttft = new Map<string, number>();
  for (const policy of ["random", "load-balancing", "local-cache-aware", "min"] as const) {
    const { result } = simulate(trace, { cluster: "8P8D", policy });
    assert.equal(result.requests.completed, 12_031);
    assert.equal(result.cache.promptTokens, 144_793_823);
    // ../shared/notes/mooncake.md §1.1: what a cache without limits would find.
    assert.ok(Math.abs(result.cache.infiniteHitRatio - 0.3736) < 1e-4);
    ttft.set(policy, result.latencies.ttftMs.mean ?? Number.NaN);
    if (policy === "min") {
      assert.ok(result.attainment.effective > 0.99);
      assert.ok(result.cache.hitRatio > 0.34);
      // Block 0 begins every prompt: it ends up on every prefill node (FAST'25 Fig. 11).
      assert.deepEqual([result.cache.hotBlocks[0].uses > 12_000, result.cache.hotBlocks[0].replicas], [true, 8]);
      assert.ok((result.predictions.ttft?.meanRelative ?? 1) < 0.15);
    }
  }
  const [random, balanced, local, global] = [...ttft.values()];
  assert.ok(random > balanced && balanced > local && local > global, [...ttft].join(" "));
});
