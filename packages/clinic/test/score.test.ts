import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Item } from "../src/extract/index.ts";
import { f1Interval, matchItems, parseLabels, sameResult, scoreNotes, scoreOf } from "../src/score/index.ts";

function item(code: string, value: number | readonly [number, number], more: Partial<Item> = {}): Item {
  const number = typeof value === "number" ? { value } : { low: value[0], high: value[1] };
  return { code, ...number, unit: "u", text: "x", start: 0, end: 1, status: "current", ...more };
}

test("a result is the same within 1 % of the label, and only under its code and status", () => {
  const label = item("8310-5", 38);
  assert.ok(sameResult(label, item("8310-5", 38.38)));
  assert.ok(sameResult(label, item("8310-5", 37.62)));
  assert.ok(!sameResult(label, item("8310-5", 38.39)));
  assert.ok(!sameResult(label, item("8867-4", 38)));
  assert.ok(!sameResult(label, item("8310-5", 38, { status: "past" })));
  assert.ok(sameResult(item("x", 0), item("x", 0)));
  assert.ok(!sameResult(item("x", 0), item("x", 0.001)));
  assert.ok(sameResult(label, item("8310-5", 39), { tolerance: 0.03 }));
});

test("a range needs both its ends and is no value", () => {
  const label = item("8310-5", [38, 39]);
  assert.ok(sameResult(label, item("8310-5", [38.1, 39.1])));
  assert.ok(!sameResult(label, item("8310-5", [38, 40])));
  assert.ok(!sameResult(label, item("8310-5", 38.5)));
  assert.ok(!sameResult(item("8310-5", 38), item("8310-5", [38, 38])));
});

test("a value mentioned twice must be found twice, and finding it thrice is one too many", () => {
  const twice = [item("30525-0", 12, { start: 3 }), item("30525-0", 12, { start: 90 })];
  const once = matchItems(twice, [item("30525-0", 12, { start: 90 })]);
  assert.deepEqual([once.matched.length, once.missed.length, once.spurious.length], [1, 1, 0]);
  const thrice = matchItems(
    twice,
    [1, 2, 3].map((start) => item("30525-0", 12, { start })),
  );
  assert.deepEqual([thrice.matched.length, thrice.missed.length, thrice.spurious.length], [2, 0, 1]);
});

test("pairs show the same place where they can", () => {
  const labels = [item("x", 5, { start: 10 }), item("x", 5, { start: 50 })];
  const { matched } = matchItems(labels, [item("x", 5, { start: 50 }), item("x", 5, { start: 10 })]);
  assert.deepEqual(
    matched.map(({ label, item }) => [label.start, item.start]),
    [
      [10, 10],
      [50, 50],
    ],
  );
});

test("items without a number take no part", () => {
  const film: Item = { code: "24648-8", unit: "", text: "x", start: 0, end: 1, status: "current", result: "positive" };
  assert.deepEqual(matchItems([], [film]), { matched: [], missed: [], spurious: [] });
});

const numbers = fc.array(fc.integer({ min: 95, max: 105 }), { maxLength: 6 });

/** The most pairs that there can be, by trying every assignment. */
function mostPairs(labels: readonly number[], items: readonly number[]): number {
  const [label, ...rest] = labels;
  if (label === undefined) return 0;
  let most = mostPairs(rest, items);
  for (const [i, value] of items.entries()) {
    if (Math.abs(value - label) > 0.01 * label) continue;
    most = Math.max(most, 1 + mostPairs(rest, items.toSpliced(i, 1)));
  }
  return most;
}

test("as many pairs as can be, each item in one place", () => {
  fc.assert(
    fc.property(numbers, numbers, (labels, items) => {
      const wanted = labels.map((value) => item("x", value));
      const found = items.map((value, start) => item("x", value, { start }));
      const { matched, missed, spurious } = matchItems(wanted, found);
      assert.equal(matched.length, mostPairs(labels, items));
      assert.equal(matched.length + missed.length, labels.length);
      assert.equal(new Set([...matched.map((pair) => pair.item), ...spurious]).size, items.length);
      for (const pair of matched) assert.ok(sameResult(pair.label, pair.item));
    }),
    { seed: 5, numRuns: 300 },
  );
});

test("precision, recall and F1 are counted over all notes and per code", () => {
  const labelled = [
    { id: "a", items: [item("t", 38), item("t", 39), item("w", 10)] },
    { id: "b", items: [item("w", 12)] },
  ];
  const found = new Map([
    ["a", [item("t", 38), item("w", 10), item("w", 20)]],
    ["b", []],
  ]);
  const { overall, byCode, notes } = scoreNotes(labelled, found);
  assert.deepEqual(overall, scoreOf(4, 3, 2));
  assert.equal(overall.precision, 2 / 3);
  assert.equal(overall.recall, 1 / 2);
  assert.equal(overall.f1, 4 / 7);
  assert.deepEqual(
    [...byCode],
    [
      ["t", scoreOf(2, 1, 1)],
      ["w", scoreOf(2, 2, 1)],
    ],
  );
  assert.deepEqual(
    notes.map(({ id, spurious }) => [id, spurious.length]),
    [
      ["a", 1],
      ["b", 0],
    ],
  );
});

test("a note that was not read, or is labelled twice, is an error, not a zero", () => {
  const note = { id: "a", items: [] };
  assert.throws(() => scoreNotes([note], new Map()), /nothing was extracted for note a/);
  assert.throws(() => scoreNotes([note, note], new Map([["a", []]])), /labelled twice/);
});

test("the interval of F1 is seeded, and certain where all notes agree", () => {
  const generator = (seed: number) => {
    let state = seed;
    return () => {
      state = (state * 16807) % 2147483647;
      return state / 2147483647;
    };
  };
  const right = matchItems([item("x", 1)], [item("x", 1)]);
  const wrong = matchItems([item("x", 1)], [item("x", 2)]);
  assert.deepEqual(f1Interval([right, right], { random: generator(1) }), [1, 1]);
  const notes = [right, right, right, wrong];
  const [low, high] = f1Interval(notes, { random: generator(7) });
  assert.ok(low < 0.75 && high > 0.75, `${low} to ${high}`);
  assert.deepEqual(f1Interval(notes, { random: generator(7) }), [low, high]);
  assert.ok(f1Interval([], { random: generator(1) }).every(Number.isNaN));
});

test("bad label lines are named", () => {
  const good = { id: "a", items: [item("8310-5", 38)] };
  assert.deepEqual(parseLabels(`${JSON.stringify(good)}\n\n`), [good]);
  const line = (changes: object) => JSON.stringify({ id: "a", items: [{ ...good.items[0], ...changes }] });
  const cases: [string, RegExp][] = [
    ["{", /english\.jsonl, line 1: not JSON/],
    ["null", /id must be a string/],
    [JSON.stringify({ id: "a" }), /items must be a list/],
    [JSON.stringify({ id: "a", items: [3] }), /item 0 of note a: must be an object/],
    [`${JSON.stringify(good)}\n${JSON.stringify(good)}`, /line 2: note a was labelled already on line 1/],
    [line({ value: "38" }), /value must be a finite number/],
    [line({ value: undefined }), /either value, or low and high/],
    [line({ low: 1, high: 2 }), /either value, or low and high/],
    [line({ value: undefined, low: 1 }), /low and high come together/],
    [line({ value: undefined, low: 3, high: 2 }), /low is above high/],
    [line({ unit: 3 }), /unit must be a string/],
    [line({ start: 0.5 }), /must be integers/],
    [line({ end: 9 }), /end - start must be the length of text, 1/],
    [line({ status: "maybe" }), /status must be one of current, past, other/],
  ];
  for (const [lines, message] of cases) assert.throws(() => parseLabels(lines, "english.jsonl"), message);
});
