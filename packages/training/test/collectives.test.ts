/** Every collective against a plain oracle, bit for bit, over threads and over sockets. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runThreadRanks } from "@baltoro/training";
import type { CollectivesTask } from "./ranks/collectives.ts";

const module = new URL("./ranks/collectives.ts", import.meta.url);

for (const [size, backend, sockets] of [
  [1, "wasm", false],
  [2, "wasm", false],
  [3, "reference", false],
  [4, "wasm", false],
  [2, "wasm", true],
  [3, "wasm", true],
] as const) {
  test(`collectives of ${size} ranks on ${backend} over ${sockets ? "sockets" : "shared memory"}`, async () => {
    const directory = mkdtempSync(join(tmpdir(), "collectives-"));
    try {
      const data: CollectivesTask = { backend, cases: 40, seed: size, ...(sockets ? { sockets: directory } : {}) };
      const outcomes = await runThreadRanks({ size, module, data, limitSeconds: 20 });
      for (const outcome of outcomes) {
        if (outcome.status === "rejected") throw outcome.reason;
        assert.ok((outcome.value as number) > 1000);
      }
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
}
