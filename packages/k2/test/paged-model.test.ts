/** The latent cache and the absorbed path against the forward pass without a cache. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { type BatchRow, type K2Model, PagedModel } from "@baltoro/k2";
import { createDevice, type Device, openDevice, openReferenceBackend } from "@baltoro/tensor";
import { deviation, makeModel, randomIds, uncachedLogits, variants } from "./generation-model.ts";

const wasm = await openDevice("wasm", { threads: 2 });
const devices: Readonly<Record<string, Device>> = { wasm, reference: createDevice(openReferenceBackend()) };
after(() => wasm.close());

/** Runs rows and gives each row its logits. */
async function runAll(paged: PagedModel, rows: readonly BatchRow[]): Promise<Float32Array[]> {
  const values = await paged.run(
    rows,
    rows.map((_, i) => i),
  );
  const { vocabSize } = paged.model.config;
  return rows.map((_, i) => values.slice(i * vocabSize, (i + 1) * vocabSize));
}

const rowsOf = (ids: readonly number[], sequence: number, from = 0, to = ids.length): BatchRow[] =>
  ids.slice(from, to).map((token, i) => ({ token, position: from + i, sequence }));

/** Computes a sequence in chunks that end at `ends`, on blocks in an order of their own. */
async function inChunks(model: K2Model, ids: readonly number[], ends: readonly number[]): Promise<Float32Array[]> {
  using paged = new PagedModel(model, { blockSize: 4, blocks: 12, maxSequences: 3 });
  const logits: Float32Array[] = [];
  paged.setBlockTable(1, [7, 3, 11, 1, 9, 2, 10]);
  for (const [i, end] of ends.entries())
    logits.push(...(await runAll(paged, rowsOf(ids, 1, i === 0 ? 0 : ends[i - 1], end))));
  return logits;
}

for (const [deviceName, device] of Object.entries(devices)) {
  for (const [variant, config] of Object.entries(variants)) {
    test(`${variant}: chunks that end anywhere, and single tokens, equal the uncached forward (${deviceName})`, async () => {
      using model = makeModel(device, config);
      const ids = randomIds(1, 26);
      const expected = await uncachedLogits(model, ids);
      const splits = Array.from({ length: ids.length - 1 }, (_, i) => [i + 1, ids.length]);
      const singly = ids.map((_, i) => i + 1);
      const chosen = deviceName === "wasm" ? splits : splits.filter((_, i) => i % 6 === 0);
      for (const ends of [...chosen, singly, [ids.length], [3, 4, 11, 12, 13, 26]]) {
        const actual = await inChunks(model, ids, ends);
        assert.equal(actual.length, expected.length);
        for (const [i, row] of expected.entries()) {
          const value = deviation(actual[i], row);
          assert.ok(value <= 1e-4, `chunks ending at ${ends}: position ${i} differs by ${value} of max|logit|`);
        }
      }
    });
  }
}

test("sequences in one batch, in any order and at any position, equal each alone", async () => {
  using model = makeModel(wasm);
  const sequences = [randomIds(2, 17), randomIds(3, 9), randomIds(4, 23)];
  const tables = [
    [5, 1, 9, 13, 2],
    [4, 8, 6],
    [3, 7, 10, 11, 12, 14],
  ];
  using paged = new PagedModel(model, { blockSize: 4, blocks: 16, maxSequences: 4 });
  const expected = await Promise.all(sequences.map((ids) => uncachedLogits(model, ids)));
  const done = [0, 0, 0];
  for (let round = 0; done.some((count, s) => count < sequences[s].length); round++) {
    // Decoding steps of some and chunks of others, rows of the sequences interleaved but in order.
    const chunks = sequences.map((ids, s) => {
      const count = Math.min(ids.length - done[s], ((round + s) % 3) * 2 + (s === 0 ? 1 : 0));
      return rowsOf(ids, s, done[s], done[s] + count);
    });
    const rows: BatchRow[] = [];
    for (let i = 0; chunks.some((chunk) => i < chunk.length); i++)
      for (const chunk of chunks) if (i < chunk.length) rows.push(chunk[i]);
    if (rows.length === 0) continue;
    for (const [s, table] of tables.entries()) paged.setBlockTable(s, table);
    const logits = await runAll(paged, rows);
    for (const [i, { sequence, position }] of rows.entries())
      assert.ok(
        deviation(logits[i], expected[sequence][position]) <= 1e-4,
        `sequence ${sequence}, position ${position}`,
      );
    for (const [s, chunk] of chunks.entries()) done[s] += chunk.length;
  }
});

test("a cache that belongs to another sequence would be noticed", async () => {
  using model = makeModel(wasm);
  const ids = randomIds(1, 26);
  const expected = await uncachedLogits(model, ids);
  using paged = new PagedModel(model, { blockSize: 4, blocks: 12, maxSequences: 1 });
  paged.setBlockTable(0, [1, 2, 3, 4, 5, 6, 7]);
  await runAll(paged, rowsOf(ids, 0, 0, 20));
  // Blocks in another order would change nothing: the latents carry their positions. Block 8 holds nothing.
  paged.setBlockTable(0, [1, 8, 3, 4, 5, 6, 7]);
  const [logits] = await runAll(paged, rowsOf(ids, 0, 20, 21));
  assert.ok(deviation(logits, expected[20]) > 1e-2);
});

test("wanted rows come in the order in which they are asked for, also more than there are sequences", async () => {
  using model = makeModel(wasm);
  const ids = randomIds(5, 12);
  const expected = await uncachedLogits(model, ids);
  using paged = new PagedModel(model, { blockSize: 4, blocks: 5, maxSequences: 2 });
  paged.setBlockTable(0, [1, 2, 3]);
  for (const wanted of [[11], [3, 0], [9, 8, 7, 2, 11], [], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]]) {
    const logits = await paged.run(rowsOf(ids, 0), wanted);
    assert.equal(logits.length, wanted.length * 64);
    for (const [i, row] of wanted.entries())
      assert.ok(deviation(logits.subarray(i * 64, (i + 1) * 64), expected[row]) <= 1e-4, `wanted ${wanted}`);
  }
});

test("more rows than the largest batch, or none, are refused", async () => {
  using model = makeModel(wasm);
  using paged = new PagedModel(model, { blocks: 3, maxSequences: 1 });
  await assert.rejects(paged.run([], []), /0 rows, expected 1 … 256/);
  const rows = Array.from({ length: 257 }, () => ({ token: 0, position: 0, sequence: 0 }));
  await assert.rejects(paged.run(rows, []), /257 rows/);
});

test("refresh takes over weights that were written since", async () => {
  using model = makeModel(wasm);
  using other = makeModel(wasm, model.config, 2);
  const ids = randomIds(6, 9);
  using paged = new PagedModel(model, { blockSize: 4, blocks: 5, maxSequences: 1 });
  paged.setBlockTable(0, [1, 2, 3]);
  const [before] = await runAll(paged, rowsOf(ids, 0));
  const kvB = model.weights.layers[0].attention.kvB;
  kvB.write(await other.weights.layers[0].attention.kvB.read());
  paged.refresh();
  const logits = await runAll(paged, rowsOf(ids, 0));
  const expected = await uncachedLogits(model, ids);
  for (const [i, row] of expected.entries()) assert.ok(deviation(logits[i], row) <= 1e-4);
  assert.ok(deviation(before, expected[0]) > 1e-2);
});

test("a paged model gives its caches, weights and inputs back", async () => {
  using model = makeModel(wasm);
  const use = async () => {
    using paged = new PagedModel(model, { blockSize: 16, blocks: 100, maxSequences: 2 });
    paged.setBlockTable(0, [1, 2, 3]);
    await runAll(paged, rowsOf(randomIds(7, 11), 0));
  };
  await use();
  const { allocatedBytes } = wasm.backend.stats();
  for (let i = 0; i < 3; i++) await use();
  // Captured graphs, some kilobytes each, stay with the device.
  const grown = wasm.backend.stats().allocatedBytes - allocatedBytes;
  assert.ok(grown < 3 * 8192, `${grown} bytes were not given back; a layer's cache has ${100 * 16 * 24 * 4}`);
});
