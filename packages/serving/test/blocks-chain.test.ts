import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BlockTable, chainRoot, hashBlocks, nameWords } from "../src/blocks/index.ts";

const context = { model: "k2-nano", blockTokens: 4 };
const hex = (words: Uint32Array, block: number) =>
  [...words.subarray(block * nameWords, (block + 1) * nameWords)]
    .map((word) => word.toString(16).padStart(8, "0"))
    .join("");

test("equal names mean equal tokens from the start", () => {
  const token = fc.integer({ min: 0, max: 3 });
  fc.assert(
    fc.property(fc.array(token, { maxLength: 24 }), fc.array(token, { maxLength: 24 }), (a, b) => {
      const root = chainRoot(context);
      const [x, y] = [hashBlocks(root, a, 4), hashBlocks(root, b, 4)];
      for (let i = 0; i < Math.min(x.count, y.count); i++) {
        const same = a.slice(0, (i + 1) * 4).join() === b.slice(0, (i + 1) * 4).join();
        assert.equal(hex(x.words, i) === hex(y.words, i), same);
      }
      assert.equal(x.count * 4 + x.restTokens, a.length);
    }),
  );
});

test("a chain that is continued is the chain of all tokens", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(2 ** 32 - 1), { maxLength: 40 }), fc.nat(10), (tokens, cut) => {
      const root = chainRoot(context);
      const at = Math.min(cut * 4, tokens.length - (tokens.length % 4));
      const first = hashBlocks(root, tokens.slice(0, at), 4);
      const second = hashBlocks(first.last, tokens.slice(at), 4);
      assert.deepEqual([...first.words, ...second.words], [...hashBlocks(root, tokens, 4).words]);
    }),
  );
});

test("another model, salt or block size names every block otherwise", () => {
  const tokens = [1, 2, 3, 4, 5, 6, 7, 8];
  const names = [
    context,
    { ...context, model: "k2-mini" },
    { ...context, salt: "tenant 7" },
    { ...context, model: "k2-nano\0tenant 7" },
  ].map((one) => hex(hashBlocks(chainRoot(one), tokens, 4).words, 0));
  names.push(hex(hashBlocks(chainRoot({ ...context, blockTokens: 8 }), tokens, 8).words, 0));
  assert.equal(new Set(names).size, names.length);
});

test("the name of a known block stays what it is", () => {
  // A change of this breaks every cache on disk and every cluster of mixed versions: give the chain a new version instead.
  assert.equal(hex(hashBlocks(chainRoot(context), [1, 2, 3, 4], 4).words, 0), "a9122cb4cfb0b1797f74f13ea20cd29f");
});

test("bad tokens and sizes are named", () => {
  const root = chainRoot(context);
  assert.throws(() => hashBlocks(root, [1, 2, -3, 4], 4), /token 2 is -3, not an integer/);
  assert.throws(() => hashBlocks(root, [1, 2, 3, 4.5], 4), /token 3 is 4.5/);
  assert.throws(() => hashBlocks(root, [1, 2, 2 ** 32, 4], 4), /token 2 is 4294967296/);
  assert.throws(() => hashBlocks(new Uint8Array(3), [1], 4), /chain value has 3 bytes, not 32/);
  assert.throws(() => chainRoot({ model: "m", blockTokens: 0 }), /blockTokens is 0; it must be an integer from 1/);
});

test("the table gives and takes back ids as a Map does", () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ op: fc.constant("intern" as const), name: fc.nat(40) }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant("sweep" as const), held: fc.array(fc.nat(40)) }) },
  );
  // Names that share a home slot, so that probing and its repair are tried.
  const words = (name: number) => Uint32Array.of(name % 3, name, 7, 7);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const table = new BlockTable();
      const naive = new Map<number, { id: number; seen: boolean }>();
      for (const one of steps) {
        if (one.op === "intern") {
          const id = table.intern(words(one.name), 0);
          const known = naive.get(one.name);
          if (known) assert.equal(id, known.id);
          else for (const other of naive.values()) assert.notEqual(id, other.id);
          naive.set(one.name, { id, seen: true });
          continue;
        }
        const held = new Set(one.held.map((name) => naive.get(name)?.id));
        const before = naive.size;
        for (const [name, entry] of naive) {
          if (!entry.seen && !held.has(entry.id)) naive.delete(name);
          else entry.seen = false;
        }
        assert.equal(
          table.sweep((id) => held.has(id)),
          before - naive.size,
        );
      }
      table.checkIntegrity();
      assert.equal(table.size, naive.size);
      for (let name = 0; name <= 40; name++) assert.equal(table.find(words(name), 0), naive.get(name)?.id ?? -1);
    }),
  );
});

test("a hundred thousand names keep their ids while the table grows", () => {
  const table = new BlockTable();
  const names = Uint32Array.from({ length: 100_000 * nameWords }, (_, i) => Math.imul(i + 1, 0x9e3779b1));
  const ids = table.internAll(names);
  assert.deepEqual(ids, table.internAll(names));
  assert.equal(table.size, 100_000);
  table.checkIntegrity();
  assert.equal(table.nameOf(ids[5]), hex(names, 5));
  assert.throws(() => table.nameOf(100_000), /block id 100000 is not in use/);
});
