import assert from "node:assert/strict";
import { test } from "node:test";
import { countTable } from "../../../bench/baselines/count-table.ts";
import { byteCounts, startContext } from "../../../bench/baselines/kneser-ney.ts";
import { compress } from "../../../bench/baselines/xz.ts";

const text = Buffer.from(
  Array.from(
    { length: 400 },
    (_, i) => `The ${["cat", "dog", "bird"][i % 3]} saw ${(i * 37) % 101} of the others. `,
  ).join(""),
);

function modelOf(bytes: Uint8Array) {
  const counts = byteCounts();
  counts.add(bytes);
  return counts.model();
}

const contextOf = (latin: string) => Buffer.from(latin, "latin1").readInt32BE(0);

test("a count table agrees with a Map", () => {
  const table = countTable(16);
  const map = new Map<number, number>();
  let state = 1;
  for (let i = 0; i < 20_000; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    // Keys over the whole 32 bits, many of them often.
    const key = i % 3 === 0 ? state : (0xfffffff0 + (state % 4096)) >>> 0;
    table.add(key, (i % 5) + 1);
    map.set(key, (map.get(key) ?? 0) + (i % 5) + 1);
  }
  assert.equal(table.size, map.size);
  for (const [key, count] of map) {
    const index = table.find(key);
    assert.deepEqual([table.key(index), table.count(index)], [key, count]);
  }
  assert.ok(!map.has(12345));
  assert.equal(table.find(12345), -1);
});

test("probabilities sum to one in contexts seen often, once, in part and never", () => {
  for (const bytes of [text, Buffer.from("a"), Buffer.from("abab"), Buffer.from([0, 255, 0, 128, 255])]) {
    const model = modelOf(bytes);
    const contexts = [
      "The ",
      "cat ",
      "saw ",
      "101 ",
      "e \xff\xfe",
      "\x00\x00he",
      "zqxj",
      "\xff\xff\xff\xff",
      "\x00\x00\x00\x00",
    ].map(contextOf);
    for (const context of [...contexts, startContext]) {
      let sum = 0;
      for (let byte = 0; byte < 256; byte++) {
        const p = model.probability(context, byte);
        assert.ok(p > 0 && p <= 1, `P ${p} of byte ${byte}`);
        sum += p;
      }
      assert.ok(Math.abs(sum - 1) < 1e-12, `sum ${sum}`);
    }
  }
});

test("a bigram-sized case equals the formula worked out by hand", () => {
  // "aab": every n-gram but the unigrams has count 1, and no count of counts to estimate from: 0.75 is taken off.
  const model = modelOf(Buffer.from("aab"));
  // Unigrams: a follows \n and a (2), b follows a (1). n1 = n2 = 1, so D1 = 1 − 2 · 1/3 and D2 falls back to 0.75.
  const discounts = [0, 1 / 3, 0.75];
  const unigram = (count: number) => (count - discounts[count] + (1 / 3 + 0.75) / 256) / 3;
  // P(byte | zzza): after a, bigram continuation counts are a:1, b:1.
  const afterA = (count: number, unigramCount: number) =>
    (Math.max(count - 0.75, 0) + 0.75 * 2 * unigram(unigramCount)) / 2;
  const context = contextOf("zzza");
  assert.ok(Math.abs(model.probability(context, 97) - afterA(1, 2)) < 1e-12);
  assert.ok(Math.abs(model.probability(context, 98) - afterA(1, 1)) < 1e-12);
  assert.ok(Math.abs(model.probability(context, 99) - afterA(0, 0)) < 1e-12);
});

test("a learned text is cheap, random bytes cost eight bits and a little", () => {
  const model = modelOf(text);
  assert.ok(model.bits(text) / text.length < 1);
  let state = 7;
  const noise = Uint8Array.from({ length: 4000 }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state >>> 16;
  });
  const bits = model.bits(noise) / noise.length;
  assert.ok(bits > 8 && bits < 16, `${bits}`);
});

test("counts do not depend on how the text is cut", () => {
  const cut = byteCounts();
  for (let i = 0; i < text.length; i += 7) cut.add(text.subarray(i, i + 7));
  assert.equal(cut.bytes, text.length);
  assert.equal(cut.model().bits(text), modelOf(text).bits(text));
  assert.throws(() => byteCounts().model(), /no text/);
});

test("a compressor gives bits per byte", async () => {
  const { bytes, bitsPerByte, method } = await compress(text);
  assert.match(method, /xz -9|brotli/);
  assert.ok(bytes > 100 && bytes < text.length / 5);
  assert.equal(bitsPerByte, (8 * bytes) / text.length);
  await assert.rejects(compress(new Uint8Array()), /empty/);
});
