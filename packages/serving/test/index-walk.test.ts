import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Tier } from "../src/conductor/index.ts";
import { PrefixIndex, PrefixMatch, tierBit } from "../src/prefix-index/index.ts";

/** The oracle: tiers by worker and block, in Maps of Sets. */
class NaiveIndex {
  readonly held = new Map<number, Map<number, Set<Tier>>>();

  add(worker: number, block: number, tier: Tier): boolean {
    const blocks = this.held.get(worker) ?? new Map<number, Set<Tier>>();
    const tiers = blocks.get(block) ?? new Set<Tier>();
    const known = tiers.has(tier);
    tiers.add(tier);
    blocks.set(block, tiers);
    this.held.set(worker, blocks);
    return !known;
  }

  remove(worker: number, block: number, tier: Tier): boolean {
    const tiers = this.held.get(worker)?.get(block);
    const known = tiers?.delete(tier) ?? false;
    if (tiers?.size === 0) this.held.get(worker)?.delete(block);
    return known;
  }

  prefix(worker: number, blocks: readonly number[]): { length: number; slow: number } {
    let length = 0;
    let slow = 0;
    for (const block of blocks) {
      const tiers = this.held.get(worker)?.get(block);
      if (!tiers) break;
      length++;
      if (tiers.size === 1 && tiers.has("ssd")) slow++;
    }
    return { length, slow };
  }
}

// Few workers and blocks meet often; the others reach rows of several words.
const worker = fc.oneof(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 200 }));
const block = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 300 }));
const tier = fc.constantFrom<Tier>("device", "dram", "ssd");
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant("add" as const), worker, block, tier }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant("remove" as const), worker, block, tier }) },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constant("chain" as const), worker, length: fc.integer({ min: 1, max: 12 }), tier }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("forget" as const), worker }) },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant("spread" as const), block, count: fc.integer({ min: 1, max: 70 }), tier }),
  },
);

test("the index answers as a Map of Sets does, through any history", () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 120 }),
      fc.array(fc.array(block, { maxLength: 20 }), { maxLength: 5 }),
      (steps, prompts) => {
        const index = new PrefixIndex(16);
        const naive = new NaiveIndex();
        const match = new PrefixMatch();
        const both = (w: number, b: number, t: Tier) => assert.equal(index.add(w, b, t), naive.add(w, b, t));
        for (const one of steps) {
          if (one.op === "add") both(one.worker, one.block, one.tier);
          else if (one.op === "remove") {
            const { worker: w, block: b, tier: t } = one;
            assert.equal(index.remove(w, b, t), naive.remove(w, b, t));
          } else if (one.op === "chain") for (let i = 0; i < one.length; i++) both(one.worker, i, one.tier);
          else if (one.op === "spread") for (let w = 0; w < one.count; w++) both(w, one.block, one.tier);
          else {
            index.forget(one.worker);
            naive.held.delete(one.worker);
          }
        }
        index.checkIntegrity();
        for (const prompt of [...prompts, Array.from({ length: 12 }, (_, i) => i)]) {
          index.walk(prompt, match);
          let best = 0;
          for (let w = 0; w <= 200; w++) {
            const wanted = naive.prefix(w, prompt);
            const inside = w < match.workers;
            assert.equal(inside ? match.prefix[w] : 0, wanted.length, `prefix of worker ${w}`);
            assert.equal(inside ? match.slow[w] : 0, wanted.slow, `slow blocks of worker ${w}`);
            best = Math.max(best, wanted.length);
          }
          assert.equal(match.best, best);
        }
        let holders = 0;
        for (const blocks of naive.held.values()) holders += blocks.size;
        assert.equal(index.holderCount, holders);
      },
    ),
    { numRuns: 400 },
  );
});

test("a hot block moves to a row and back, and nothing of it is lost", () => {
  const index = new PrefixIndex();
  for (let w = 0; w < 100; w++) index.add(w, 9, w % 2 ? "dram" : "ssd");
  index.checkIntegrity();
  for (let w = 0; w < 98; w++) assert.ok(index.remove(w, 9, w % 2 ? "dram" : "ssd"));
  index.checkIntegrity();
  assert.equal(index.tiersOf(98, 9), tierBit.ssd);
  assert.equal(index.tiersOf(99, 9), tierBit.dram);
  assert.equal(index.holderCount, 2);
});

test("what is out of range is named, and changes nothing", () => {
  const index = new PrefixIndex();
  assert.throws(() => index.add(8192, 1, "dram"), /worker 8192 is not an integer from 0 to 8191/);
  assert.throws(() => index.add(-1, 1, "dram"), /worker -1/);
  assert.throws(() => index.add(0, 2 ** 27, "dram"), /block 134217728/);
  assert.throws(() => index.add(0, 0.5, "dram"), /block 0.5/);
  assert.equal(index.blockCount, 0);
  index.checkIntegrity();
});

test("the largest worker and a far block work", () => {
  const index = new PrefixIndex();
  const match = new PrefixMatch();
  index.add(8191, 1_000_000, "device");
  for (let w = 0; w < 6; w++) index.add(w, 1_000_000, "dram");
  index.walk([1_000_000], match);
  assert.equal(match.prefix[8191], 1);
  assert.deepEqual(match.holdersOfBest(), [0, 1, 2, 3, 4, 5, 8191]);
  index.checkIntegrity();
});
