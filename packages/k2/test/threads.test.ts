import assert from "node:assert/strict";
import { test } from "node:test";
import { createModel, initializeWeights, PagedModel, preset } from "@baltoro/k2";
import { openDevice } from "@baltoro/tensor";

/** Logits of batches of several sizes, one after the other on the same cache. */
async function logitsWith(threads: number): Promise<Float32Array[]> {
  const device = await openDevice("wasm", { threads });
  const model = createModel(device, preset("k2-tiny"));
  initializeWeights(model, { seed: 3 });
  const paged = new PagedModel(model, { blocks: 40, blockSize: 16, maxSequences: 16 });
  for (let i = 0; i < 16; i++) paged.setBlockTable(i, [1 + 2 * i, 2 + 2 * i]);
  const results: Float32Array[] = [];
  for (const rows of [1, 5, 16]) {
    for (let position = 0; position < 20; position++) {
      const batch = Array.from({ length: rows }, (_, i) => ({
        token: (7 * i + position) % 200,
        position,
        sequence: i,
      }));
      const logits = await paged.run(
        batch,
        batch.map((_, i) => i),
      );
      if (position === 19) results.push(logits.slice());
    }
  }
  paged[Symbol.dispose]();
  await device.close();
  return results;
}

// A small graph is shared by the threads or left to one, whichever goes faster at the time: a text must not depend on it.
test("generation gives the same bits on any number of threads", async () => {
  const one = await logitsWith(1);
  for (const threads of [2, 3]) assert.deepEqual(await logitsWith(threads), one, `${threads} threads`);
});
