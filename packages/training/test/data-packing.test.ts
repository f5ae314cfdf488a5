import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import {
  openCorpus,
  openTokenCache,
  packedDataset,
  permutation,
  splitForValidation,
  type TextTokenizer,
  type TokenBatch,
  type TokenCache,
} from "../src/data/index.ts";

let root = "";
before(() => {
  root = mkdtempSync(join(tmpdir(), "packing-"));
});
after(() => rmSync(root, { recursive: true, force: true }));

const bytesTokenizer: TextTokenizer = {
  encode: (text) => Buffer.from(text),
  bosId: 256,
  eosId: 257,
  vocabSize: 258,
  hash: "bytes",
};

let made = 0;
async function cacheOf(texts: string[], tokenizer = bytesTokenizer): Promise<TokenCache> {
  const path = join(root, `${made++}.jsonl`);
  writeFileSync(path, texts.map((text) => JSON.stringify({ text })).join("\n"));
  return openTokenCache(join(root, "tokens"), openCorpus(path), tokenizer);
}

/** A cache in memory with documents of the given lengths; token i has the value i. */
function fakeCache(lengths: number[]): TokenCache {
  const offsets = new Float64Array(lengths.length + 1);
  for (const [i, length] of lengths.entries()) offsets[i + 1] = offsets[i] + length;
  const tokens = offsets[lengths.length];
  const documentBytes = Uint32Array.from(lengths, (length) => length * 3);
  return {
    meta: {
      version: 1,
      key: "",
      tokens,
      documents: lengths.length,
      bytes: tokens * 3,
      dtype: "u16",
      bosId: 1e6,
      eosId: 1e6 + 1,
      replaced: 0,
    },
    offsets,
    documentBytes,
    read(start, into) {
      for (let i = 0; i < into.length; i++) into[i] = start + i;
    },
    [Symbol.dispose]() {},
  };
}

const lengthsArbitrary = fc.array(fc.integer({ min: 2, max: 40 }), { minLength: 1, maxLength: 12 });

test("a permutation is one-to-one for every size, and differs by seed and epoch", () => {
  for (const size of [0, 1, 2, 3, 4, 5, 15, 16, 17, 1000, 4097]) {
    const at = permutation(size, 7, 2);
    const seen = new Set(Array.from({ length: size }, (_, i) => at(i)));
    assert.equal(seen.size, size);
    assert.ok([...seen].every((value) => value >= 0 && value < size));
  }
  const order = (seed: number, epoch: number) =>
    Array.from({ length: 100 }, (_, i) => permutation(100, seed, epoch)(i));
  assert.deepEqual(order(1, 0), order(1, 0));
  for (const [seed, epoch] of [
    [2, 0],
    [1, 1],
    [1 + 2 ** 32, 0],
  ])
    assert.notDeepEqual(order(seed, epoch), order(1, 0));
  assert.throws(() => permutation(10, 1)(10), /outside 0 … 9/);
  assert.throws(() => permutation(-1, 1), /size -1/);
});

test("a permutation mixes: elements land everywhere", () => {
  const size = 256;
  const counts = new Uint32Array(16);
  for (let seed = 0; seed < 400; seed++) counts[permutation(size, seed)(3) >> 4]++;
  // Expected 25 in each of 16 bins; chi-square with 15 degrees of freedom stays below 45 but once in 10,000.
  const chiSquare = counts.reduce((sum, count) => sum + (count - 25) ** 2 / 25, 0);
  assert.ok(chiSquare < 45, `chi-square ${chiSquare}`);
});

test("the cache holds BOS, tokens, EOS of each document, and is found again", async () => {
  using cache = await cacheOf(["ab", "é"]);
  assert.deepEqual([cache.meta.tokens, cache.meta.documents, cache.meta.bytes, cache.meta.dtype], [8, 2, 4, "u16"]);
  assert.deepEqual([...cache.offsets], [0, 4, 8]);
  assert.deepEqual([...cache.documentBytes], [2, 2]);
  const tokens = new Int32Array(8);
  cache.read(0, tokens);
  assert.deepEqual([...tokens], [256, 97, 98, 257, 256, 195, 169, 257]);
  assert.throws(() => cache.read(5, new Int32Array(4)), /tokens 5 … 9 of 8/);

  const never: TextTokenizer = { ...bytesTokenizer, encode: () => assert.fail("must not be tokenized again") };
  using again = await openTokenCache(join(root, "tokens"), openCorpus(join(root, `${made - 1}.jsonl`)), never);
  assert.deepEqual(again.meta, cache.meta);
});

test("large vocabularies take 32 bits, and ids outside of the vocabulary are refused", async () => {
  const wide = { ...bytesTokenizer, vocabSize: 100_000, hash: "wide", encode: () => [99_999] };
  using cache = await cacheOf(["x"], wide);
  const tokens = new Int32Array(3);
  cache.read(0, tokens);
  assert.deepEqual([cache.meta.dtype, ...tokens], ["u32", 256, 99_999, 257]);
  await assert.rejects(cacheOf(["y"], { ...wide, hash: "wrong", encode: () => [100_000] }), /id 100000 in document 1/);
});

test("an interrupted or damaged cache is built again", async () => {
  const path = join(root, "again.txt");
  writeFileSync(path, "some text\n\n\nand more");
  const directory = join(root, "rebuilt");
  const corpus = openCorpus(path);
  const failing = { ...bytesTokenizer, encode: () => assert.fail("interrupted") };
  await assert.rejects(openTokenCache(directory, corpus, failing), /interrupted/);
  assert.deepEqual(readdirSync(directory), []);

  let progress = { tokens: 0, documents: 0, bytesRead: 0 };
  (
    await openTokenCache(directory, corpus, bytesTokenizer, {
      onProgress: (now) => {
        progress = now;
      },
    })
  )[Symbol.dispose]();
  const [key] = readdirSync(directory);
  assert.deepEqual({ ...progress }, { tokens: 21, documents: 2, bytesRead: corpus.size, size: corpus.size });

  truncateSync(join(directory, key, "tokens.bin"), 10);
  mkdirSync(join(directory, `${key}.building-999999999`));
  using cache = await openTokenCache(directory, corpus, bytesTokenizer);
  assert.equal(cache.meta.tokens, 21);
  assert.deepEqual(readdirSync(directory), [key]);

  // Another text at the same path is another cache.
  writeFileSync(path, "changed");
  using changed = await openTokenCache(directory, openCorpus(path), bytesTokenizer);
  assert.equal(changed.meta.tokens, 9);
});

test("an epoch holds every token and every target exactly once", () => {
  fc.assert(
    fc.property(lengthsArbitrary, fc.integer({ min: 1, max: 17 }), fc.integer(), (lengths, sequenceLength, seed) => {
      const cache = fakeCache(lengths);
      const data = packedDataset(cache, { sequenceLength, batchSize: 1, seed });
      for (const epoch of [0, 1]) {
        const seen: number[] = [];
        const targets: number[] = [];
        for (let i = 0; i < data.sequences; i++) {
          const batch = data.batchAt(epoch * data.sequences + i);
          seen.push(...batch.tokens.filter((token) => token < 1e6));
          targets.push(...batch.targets.filter((target) => target >= 0));
          assert.equal(batch.predicted, batch.targets.filter((target) => target >= 0).length);
        }
        const all = Array.from({ length: cache.meta.tokens }, (_, i) => i);
        assert.deepEqual(
          seen.sort((a, b) => a - b),
          all,
        );
        // Every token but the first of each document is predicted.
        assert.deepEqual(
          targets.sort((a, b) => a - b),
          all.filter((token) => !cache.offsets.includes(token)),
        );
      }
    }),
    { numRuns: 60 },
  );
});

test("segments follow the documents: nothing leaks, positions restart", () => {
  fc.assert(
    fc.property(lengthsArbitrary, fc.integer({ min: 1, max: 17 }), (lengths, sequenceLength) => {
      const cache = fakeCache(lengths);
      const documentOf = (token: number) => cache.offsets.findLastIndex((offset) => offset <= token);
      const { batchAt, sequences } = packedDataset(cache, { sequenceLength, batchSize: 1 });
      for (let step = 0; step < sequences; step++) {
        const { tokens, targets, positions, documents } = batchAt(step);
        assert.deepEqual([documents[0], positions[0]], [0, 0]);
        for (let i = 0; i < sequenceLength; i++) {
          const padding = tokens[i] >= 1e6;
          if (padding) assert.equal(targets[i], -1);
          if (targets[i] >= 0) {
            assert.equal(targets[i], tokens[i] + 1);
            assert.equal(documentOf(targets[i]), documentOf(tokens[i]));
          }
          if (i === 0) continue;
          const sameDocument = padding ? tokens[i - 1] >= 1e6 : documentOf(tokens[i]) === documentOf(tokens[i - 1]);
          assert.equal(documents[i], documents[i - 1] + (sameDocument ? 0 : 1));
          assert.equal(positions[i], sameDocument ? positions[i - 1] + 1 : 0);
        }
      }
    }),
    { numRuns: 60 },
  );
});

test("a batch depends on seed and step alone: resuming equals running through", () => {
  const options = { sequenceLength: 8, batchSize: 3, accumulation: 2, seed: 5 };
  const run = (from: number, to: number) => {
    const data = packedDataset(fakeCache([30, 5, 90, 17]), options);
    const batches: TokenBatch[] = [];
    for (let step = from; step < to; step++) batches.push(data.batchAt(step, 0), data.batchAt(step, 1));
    return batches;
  };
  const through = run(0, 12);
  assert.deepEqual(run(7, 12), through.slice(14));
  const other = packedDataset(fakeCache([30, 5, 90, 17]), { ...options, seed: 6 });
  assert.notDeepEqual(other.batchAt(0), through[0]);
});

test("epochs have orders of their own and a batch may straddle two", () => {
  const data = packedDataset(fakeCache([100]), { sequenceLength: 10, batchSize: 4, seed: 1 });
  assert.deepEqual([data.sequences, data.stepsPerEpoch, data.tokens], [10, 3, 100]);
  const firsts = Array.from({ length: 5 }, (_, step) =>
    data.batchAt(step).tokens.filter((_, i) => i % 10 === 0),
  ).flatMap((part) => [...part]);
  const [first, second] = [firsts.slice(0, 10), firsts.slice(10)];
  assert.notDeepEqual(first, second);
  assert.deepEqual(first.toSorted(), second.toSorted());
});

test("without shuffling the text comes once, in order, and then padding", () => {
  const data = packedDataset(fakeCache([25]), { sequenceLength: 10, batchSize: 2, shuffle: false });
  assert.equal(data.stepsPerEpoch, 2);
  assert.deepEqual(
    [...data.batchAt(0).tokens],
    Array.from({ length: 20 }, (_, i) => i),
  );
  const last = data.batchAt(1);
  assert.deepEqual(
    [...last.targets].filter((target) => target >= 0),
    [21, 22, 23, 24],
  );
  assert.equal(last.predicted, 4);
  assert.deepEqual([...last.documents], [...Array(5).fill(0), ...Array(5).fill(1), ...Array(10).fill(0)]);
  assert.equal(data.batchAt(2).predicted, 0);
});

test("the last documents are set aside; a single long one is cut", () => {
  const cache = fakeCache([40, 40, 10, 10]);
  const { train, validation } = splitForValidation(cache, 0.15);
  assert.deepEqual(train, { start: 0, end: 80, bytes: 240 });
  assert.deepEqual(validation, { start: 80, end: 100, bytes: 60 });
  const single = splitForValidation(fakeCache([200]), 0.1);
  assert.deepEqual(single.train, { start: 0, end: 180, bytes: 540 });
  assert.deepEqual(single.validation, { start: 180, end: 200, bytes: 60 });
  const trained = packedDataset(fakeCache([200]), { sequenceLength: 180, batchSize: 1, range: single.train }).batchAt(
    0,
  );
  assert.equal(trained.targets[179], -1, "the first token set aside is no target");
  assert.throws(() => splitForValidation(cache, 0), /fraction 0/);
  assert.throws(() => splitForValidation(fakeCache([2]), 0.1), /too few/);
});

test("wrong sizes are refused", () => {
  const cache = fakeCache([10]);
  const make = (options: object) => () => packedDataset(cache, { sequenceLength: 4, batchSize: 1, ...options });
  assert.throws(make({ sequenceLength: 0 }), /sequenceLength 0 must be a positive integer/);
  assert.throws(make({ batchSize: 1.5 }), /batchSize 1.5/);
  assert.throws(make({ range: { start: 5, end: 11 } }), /range 5 … 11 of 10/);
  const data = make({ accumulation: 2 })();
  assert.throws(() => data.batchAt(-1), /step -1/);
  assert.throws(() => data.batchAt(0, 2), /micro-batch 2 of 2/);
});

test("the parts of a batch, one for each rank, are the batch", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 3 }),
      fc.nat(20),
      fc.boolean(),
      (lengths, size, rowsEach, step, shuffle) => {
        const options = { sequenceLength: 7, batchSize: size * rowsEach, accumulation: 2, seed: 3, shuffle };
        const cache = fakeCache(lengths);
        const whole = packedDataset(cache, options).batchAt(step, 1);
        const parts = Array.from({ length: size }, (_, rank) =>
          packedDataset(cache, { ...options, part: { rank, size } }).batchAt(step, 1),
        );
        for (const key of ["tokens", "targets", "positions", "documents"] as const)
          assert.deepEqual(
            parts.flatMap((part) => Array.from(part[key])),
            Array.from(whole[key]),
          );
        assert.equal(
          parts.reduce((sum, { predicted }) => sum + predicted, 0),
          whole.predicted,
        );
      },
    ),
  );
});

test("a batch that does not divide among the ranks is refused", () => {
  const options = { sequenceLength: 7, batchSize: 4 };
  assert.throws(
    () => packedDataset(fakeCache([30]), { ...options, part: { rank: 0, size: 3 } }),
    /4 does not divide among 3/,
  );
  assert.throws(() => packedDataset(fakeCache([30]), { ...options, part: { rank: 2, size: 2 } }), /part 2 of 2/);
});
