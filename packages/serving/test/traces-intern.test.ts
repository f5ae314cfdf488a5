import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createInterner } from "../src/traces/intern.ts";

test("ids are dense, and equal where name and chain are equal", () => {
  const name = fc.oneof(
    fc.integer({ min: 0, max: 6 }),
    fc.constantFrom(0, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1),
    fc.constantFrom("0", "1", "a", ""),
  );
  fc.assert(
    fc.property(fc.array(fc.array(name, { maxLength: 6 }), { maxLength: 60 }), (chains) => {
      const interner = createInterner();
      const known = new Map<string, number>();
      for (const chain of chains) {
        let parent = -1;
        let key = "";
        for (const part of chain) {
          key += `${JSON.stringify(part)};`;
          parent = interner.intern(parent, part);
          assert.equal(known.get(key) ?? parent, parent);
          known.set(key, parent);
        }
        known.set(`fresh ${known.size}`, interner.fresh());
      }
      assert.deepEqual(
        [...known.values()].sort((a, b) => a - b),
        [...known.values()].map((_, i) => i),
      );
      assert.equal(interner.size, known.size);
    }),
  );
});

test("it grows: 300,000 ids, found again", () => {
  const interner = createInterner();
  const ids = Array.from({ length: 300_000 }, (_, i) => interner.intern(i % 7 === 0 ? -1 : i - 1, i));
  assert.deepEqual(new Set(ids).size, 300_000);
  for (const [i, id] of ids.entries()) assert.equal(interner.intern(i % 7 === 0 ? -1 : i - 1, i), id);
});
