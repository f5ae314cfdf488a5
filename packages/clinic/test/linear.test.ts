/** Time in proportion to the length of a note, whatever the note: no input makes the grammar go back over itself. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { extract } from "../src/index.ts";

/** Pieces that open every branch of the grammar without closing it, or nest it. */
const hostile: readonly string[] = [
  ...["1", "1/2-", "38-", "38,", "38.", "1.1.", "12,345,", "三", "一一", "半", "万", "1万", "(", "((38", "x10^", "×10"],
  ...[
    "temp ",
    "体温",
    "体温\n",
    "体温多少\n",
    "发烧",
    "bp 120/80 to ",
    "bp 1/1/",
    "hemoglobin and ",
    "H and H ",
    "if temp 39 ",
  ],
  ...[
    "如果体温38度",
    "1岁1个月",
    "13天",
    "宝宝",
    "mother 5-year-old ",
    "WBC 12.3×10^9/L, ",
    "urinalysis wbc 5 ",
    "支原体",
    "胸片",
  ],
  ...[
    "a",
    "é",
    "\u0000",
    "\ud800",
    "38度5",
    "7斤2两",
    "twenty-",
    "twenty-one ",
    "from 12 to ",
    "between ",
    "%",
    "-",
    "。",
    " ",
  ],
];

/** Milliseconds of this process, not of its neighbours on the machine; the lesser of two. */
function cost(text: string): number {
  const times = [0, 1].map(() => {
    const before = process.cpuUsage();
    extract(text);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  return Math.min(...times);
}

test("doubling a hostile note at most about doubles its time", { timeout: 280_000 }, () => {
  extract("warm 38.5 ".repeat(5000));
  for (const piece of hostile) {
    const of = (bytes: number): string => piece.repeat(Math.ceil(bytes / piece.length));
    const [small, large] = [cost(of(100_000)), cost(of(400_000))];
    // Four times the length; a quadratic step would make it sixteen. The floor keeps timer noise out.
    assert.ok(large < 9 * Math.max(small, 15), `${JSON.stringify(piece)}: ${small} ms, then ${large} ms`);
  }
});

test("10 MB of everything at once in seconds", { timeout: 120_000 }, () => {
  let state = 7;
  const pieces: string[] = [];
  for (let length = 0; length < 10_000_000; ) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    const piece = hostile[(state >>> 8) % hostile.length];
    pieces.push(piece);
    length += piece.length;
  }
  const before = process.cpuUsage();
  const items = extract(pieces.join(""));
  const seconds = (process.cpuUsage(before).user + process.cpuUsage(before).system) / 1e6;
  assert.ok(items.length > 0);
  assert.ok(seconds < 40, `${seconds} s`);
});

const notes = fc.array(fc.oneof(fc.constantFrom(...hostile), fc.string({ unit: "binary" }), fc.double().map(String)), {
  maxLength: 60,
});

test("any note gives items whose spans are in it, whose values are finite, in order", () => {
  fc.assert(
    fc.property(notes, (pieces) => {
      const text = pieces.join("");
      let last = 0;
      for (const item of extract(text)) {
        assert.equal(item.text, text.slice(item.start, item.end));
        assert.ok(item.start >= last && item.end > item.start);
        last = item.start;
        const numbers = [item.value, item.low, item.high].filter((value) => value !== undefined);
        assert.ok(numbers.every(Number.isFinite));
        assert.ok(item.result !== undefined || item.value !== undefined || item.low! < item.high!);
      }
    }),
    { seed: 5, numRuns: 1000 },
  );
});

test("the same note gives the same items, alone or after others", () => {
  const note = "患儿3岁，T 38.6℃，WBC 12.3×10^9/L。";
  const before = extract(note);
  extract("如果体温超过39度？(");
  assert.deepEqual(extract(note), before);
});
