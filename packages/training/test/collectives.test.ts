/** Every collective against a plain oracle, bit for bit, over threads, Unix sockets and TCP. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runThreadRanks } from "@baltoro/training";
import { type CollectivesTask, groups } from "./ranks/collectives.ts";
import { freePort } from "./ranks/free-port.ts";

const module = new URL("./ranks/collectives.ts", import.meta.url);

for (const [size, backend, over] of [
  [1, "wasm", "shared memory"],
  [2, "wasm", "shared memory"],
  [3, "reference", "shared memory"],
  [4, "wasm", "shared memory"],
  [2, "wasm", "sockets"],
  [3, "wasm", "sockets"],
  [3, "wasm", "TCP"],
] as const) {
  test(`collectives of ${size} ranks on ${backend} over ${over}`, async () => {
    const directory = mkdtempSync(join(tmpdir(), "collectives-"));
    try {
      const data: CollectivesTask = {
        backend,
        cases: 40,
        seed: size,
        ...(over === "sockets" ? { sockets: directory } : {}),
        ...(over === "TCP" ? { ports: await Promise.all(Array.from({ length: groups }, freePort)) } : {}),
      };
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
