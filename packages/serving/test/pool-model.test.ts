import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { type Tier, tiers } from "../src/conductor/index.ts";
import { createPool, type EvictionName } from "../src/pool/index.ts";
import { IntMap } from "../src/pool/int-map.ts";

interface Held {
  readonly block: number;
  tier: number;
  pins: number;
  uses: number;
  readonly position: number;
  stamp: number;
  until: number;
}

/** The pool as its interface tells it: a list that is sorted at every eviction. */
class NaivePool {
  readonly held = new Map<number, Held>();
  readonly told: string[] = [];
  private readonly capacities: readonly number[];
  private readonly names: readonly Tier[];
  private readonly eviction: EvictionName;
  private stamps = 0;
  private now = 0;

  constructor(capacity: { readonly [tier in Tier]?: number }, eviction: EvictionName) {
    this.names = tiers.filter((tier) => (capacity[tier] ?? 0) > 0);
    this.capacities = this.names.map((tier) => capacity[tier] as number);
    this.eviction = eviction;
  }

  sizeOf(level: number): number {
    return [...this.held.values()].filter((one) => one.tier === level).length;
  }

  use(blocks: readonly number[], now: number): void {
    this.now = now;
    const used: Held[] = [];
    for (const [i, block] of blocks.entries()) {
      const one = this.held.get(block);
      if (!one) continue;
      this.touch(one, this.stamps + blocks.length - i);
      one.pins++;
      used.push(one);
    }
    for (const one of used) one.pins--;
    this.stamps += blocks.length;
  }

  store(blocks: readonly number[], now: number): number {
    this.now = now;
    const stored: Held[] = [];
    for (const [i, block] of blocks.entries()) {
      const stamp = this.stamps + blocks.length - i;
      let one = this.held.get(block);
      if (one) this.touch(one, stamp);
      else {
        if (!this.makeRoom(0)) break;
        one = { block, tier: 0, pins: 0, uses: 1, position: i, stamp, until: Number.NEGATIVE_INFINITY };
        this.held.set(block, one);
        this.told.push(`+${block} ${this.names[0]}`);
      }
      one.pins++;
      stored.push(one);
    }
    for (const one of stored) one.pins--;
    this.stamps += blocks.length;
    return stored.length;
  }

  private touch(one: Held, stamp: number): void {
    one.uses++;
    one.stamp = stamp;
    if (one.pins > 0 || one.tier === 0) return;
    const from = one.tier;
    one.tier = -1;
    one.pins++;
    const room = this.makeRoom(0);
    one.pins--;
    one.tier = room ? 0 : from;
    if (room) this.told.push(`+${one.block} ${this.names[0]}`, `-${one.block} ${this.names[from]}`);
  }

  private makeRoom(level: number): boolean {
    if (this.sizeOf(level) < this.capacities[level]) return true;
    const order = (a: Held, b: Held) => {
      if (this.eviction === "lru") return a.stamp - b.stamp;
      if (this.eviction === "lfu") return a.uses - b.uses || a.stamp - b.stamp;
      return a.uses - b.uses || b.position - a.position || a.stamp - b.stamp;
    };
    const [victim] = [...this.held.values()]
      .filter((one) => one.tier === level && one.pins === 0 && one.until <= this.now)
      .sort(order);
    if (!victim) return false;
    if (level + 1 < this.capacities.length && this.makeRoom(level + 1)) {
      victim.tier = level + 1;
      this.told.push(`+${victim.block} ${this.names[level + 1]}`);
    } else this.held.delete(victim.block);
    this.told.push(`-${victim.block} ${this.names[level]}`);
    return true;
  }
}

const blocks = fc.uniqueArray(fc.integer({ min: 0, max: 25 }), { maxLength: 8 });
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ op: fc.constant("store" as const), blocks }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant("use" as const), blocks }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("pin" as const), blocks }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("unpin" as const), blocks }) },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constant("lease" as const), blocks, forMs: fc.integer({ min: 0, max: 20 }) }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("remove" as const), blocks }) },
);
const capacity = fc
  .record({
    device: fc.integer({ min: 0, max: 4 }),
    dram: fc.integer({ min: 0, max: 6 }),
    ssd: fc.integer({ min: 0, max: 6 }),
  })
  .filter(({ device, dram, ssd }) => device + dram + ssd > 0);

for (const eviction of ["lru", "lfu", "length-aware"] as const) {
  test(`${eviction}: the pool does what a list sorted at every eviction does, event for event`, () => {
    fc.assert(
      fc.property(capacity, fc.array(step, { maxLength: 80 }), (room, steps) => {
        const told: string[] = [];
        const pool = createPool({
          capacity: room,
          eviction,
          listener: {
            stored: (block, tier) => told.push(`+${block} ${tier}`),
            removed: (block, tier) => told.push(`-${block} ${tier}`),
          },
        });
        const naive = new NaivePool(room, eviction);
        let now = 0;
        for (const one of steps) {
          now += 3;
          const { blocks: list } = one;
          if (one.op === "store") assert.equal(pool.store(list, 0, list.length, now), naive.store(list, now));
          else if (one.op === "use") {
            pool.use(list, 0, list.length, now);
            naive.use(list, now);
          } else if (one.op === "pin") {
            const all = list.every((block) => naive.held.has(block));
            if (all) pool.pin(list, 0, list.length);
            else assert.throws(() => pool.pin(list, 0, list.length), /is not held/);
            if (all) for (const block of list) (naive.held.get(block) as Held).pins++;
          } else if (one.op === "unpin") {
            const all = list.every((block) => (naive.held.get(block)?.pins ?? 0) > 0);
            if (all) pool.unpin(list, 0, list.length);
            else assert.throws(() => pool.unpin(list, 0, list.length), /is not pinned/);
            if (all) for (const block of list) (naive.held.get(block) as Held).pins--;
          } else if (one.op === "lease") {
            pool.lease(list, 0, list.length, now + one.forMs);
            for (const block of list) {
              const held = naive.held.get(block);
              if (held) held.until = Math.max(held.until, now + one.forMs);
            }
          } else {
            for (const block of list) {
              const held = naive.held.get(block);
              const can = held !== undefined && held.pins === 0;
              assert.equal(pool.remove(block), can);
              if (!can) continue;
              naive.held.delete(block);
              naive.told.push(`-${block} ${tiers.filter((tier) => room[tier] > 0)[held.tier]}`);
            }
          }
          pool.checkIntegrity();
          assert.deepEqual(told, naive.told);
        }
        assert.equal(pool.size, naive.held.size);
        // What it told is what it holds: the index that follows the events is right.
        const heard = new Map<number, Set<string>>();
        for (const event of told) {
          const [block, tier] = [Number(event.slice(1).split(" ")[0]), event.split(" ")[1]];
          const in_ = heard.get(block) ?? new Set();
          if (event[0] === "+") in_.add(tier);
          else assert.ok(in_.delete(tier), `${event} without a store before it`);
          heard.set(block, in_);
        }
        for (const [block, where] of heard) assert.deepEqual([...where], pool.has(block) ? [pool.tierOf(block)] : []);
      }),
      { numRuns: 250 },
    );
  });
}

test("the conversation trace hits as often as another replay of it found", (t) => {
  const file = join(
    process.env.BALTORO_DATA ?? join(import.meta.dirname, "../../../../shared/data"),
    "traces/conversation_trace.jsonl",
  );
  if (!existsSync(file)) return t.skip(`no ${file}: set BALTORO_DATA`);
  const prompts: number[][] = readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).hash_ids);
  const hits = (eviction: EvictionName, blocks: number) => {
    const pool = createPool({ capacity: { dram: blocks }, eviction });
    let hit = 0;
    let all = 0;
    prompts.forEach((prompt, i) => {
      hit += pool.prefixLength(prompt);
      all += prompt.length;
      pool.store(prompt, 0, prompt.length, i);
    });
    pool.checkIntegrity();
    return hit / all;
  };
  // Measured apart, by a replay in another language; without a limit .3664 can be had.
  const wanted: [EvictionName, number, number][] = [
    ["lru", 1000, 0.0445],
    ["lru", 10_000, 0.2112],
    ["lru", 50_000, 0.3546],
    ["lfu", 1000, 0.048],
    ["lfu", 10_000, 0.132],
    ["lfu", 50_000, 0.344],
    ["lru", 200_000, 0.3664],
    ["length-aware", 200_000, 0.3664],
  ];
  for (const [eviction, blocks, ratio] of wanted) {
    const found = hits(eviction, blocks);
    assert.ok(Math.abs(found - ratio) < 0.001, `${eviction} with ${blocks} blocks: ${found}, not ${ratio}`);
  }
});

test("the map of integers is a Map", () => {
  const step = fc.record({ op: fc.constantFrom("add", "delete"), key: fc.oneof(fc.nat(40), fc.nat(2 ** 27 - 1)) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
      const [map, naive] = [new IntMap(), new Map<number, number>()];
      steps.forEach(({ op, key }, i) => {
        assert.equal(map.get(key), naive.get(key) ?? -1);
        if (op === "delete") {
          map.delete(key);
          naive.delete(key);
        } else if (!naive.has(key)) {
          map.add(key, i);
          naive.set(key, i);
        }
      });
      assert.equal(map.size, naive.size);
      const order = (a: readonly number[], b: readonly number[]) => a[0] - b[0];
      assert.deepEqual(map.entries().sort(order), [...naive].sort(order));
    }),
  );
});

test("a prompt longer than the pool keeps its beginning, and evicts none of itself", () => {
  for (const eviction of ["lru", "lfu", "length-aware"] as const) {
    const pool = createPool({ capacity: { dram: 4 }, eviction });
    assert.equal(pool.store([1, 2, 3, 4, 5, 6], 0, 6, 0), 4);
    assert.equal(pool.prefixLength([1, 2, 3, 4, 5, 6]), 4);
    // Of an idle prompt, the tail goes first.
    pool.store([9], 0, 1, 1);
    assert.equal(pool.prefixLength([1, 2, 3, 4]), 3);
  }
});

test("a lease keeps its blocks until its time, and ends by itself", () => {
  const pool = createPool({ capacity: { dram: 2 } });
  pool.store([1, 2], 0, 2, 0);
  pool.lease([1, 2], 0, 2, 100);
  assert.equal(pool.store([3], 0, 1, 50), 0);
  pool.checkIntegrity();
  assert.equal(pool.store([3], 0, 1, 100), 1);
  assert.equal(pool.has(2), false);
});

test("bad input is named", () => {
  assert.throws(() => createPool({ capacity: {} }), /at least one tier/);
  assert.throws(() => createPool({ capacity: { dram: -1 } }), /capacity.dram is -1/);
  assert.throws(() => createPool({ capacity: { ssd: 1.5 } }), /capacity.ssd is 1.5/);
  assert.throws(
    () => createPool({ capacity: { dram: 1 }, eviction: "fifo" as EvictionName }),
    /eviction is fifo; known are lru/,
  );
  const pool = createPool({ capacity: { dram: 1 } });
  pool.store([1], 0, 1, 10);
  assert.throws(() => pool.use([1], 0, 1, 9), /time goes backwards: nowMs is 9 after 10/);
  assert.throws(() => pool.store([1], 0, 1, Number.NaN), /nowMs is NaN/);
});
