/** Stop strings in a stream, against a search of the whole text. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createStopMatcher } from "@baltoro/k2";
import fc from "fast-check";

/** Text before the stop string that is complete first; of those that end together, the longest. */
function search(text: string, stops: readonly string[]): { text: string; stopped: boolean } {
  for (let end = 1; end <= text.length; end++) {
    const met = stops.filter((stop) => stop.length > 0 && text.slice(0, end).endsWith(stop));
    if (met.length > 0)
      return { text: text.slice(0, end - Math.max(...met.map(({ length }) => length))), stopped: true };
  }
  return { text, stopped: false };
}

function stream(pieces: readonly string[], stops: readonly string[]): { text: string; stopped: boolean } {
  const matcher = createStopMatcher(stops);
  let text = "";
  for (const piece of pieces) {
    const result = matcher.push(piece);
    text += result.text;
    if (result.stopped) return { text, stopped: true };
  }
  return { text: text + matcher.flush(), stopped: false };
}

test("however the text is cut into pieces, it ends before the first stop string", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 5 });
  const pieces = fc.array(word, { maxLength: 12 });
  fc.assert(
    fc.property(pieces, fc.array(word, { maxLength: 4 }), (given, stops) => {
      assert.deepEqual(stream(given, stops), search(given.join(""), stops));
    }),
    { numRuns: 5000, seed: 1 },
  );
});

test("a stop string within another ends the text however the pieces fall", () => {
  for (const pieces of [["abcd"], ["ab", "cd"], [..."abcd"]])
    assert.deepEqual(stream(pieces, ["abcd", "bc"]), { text: "a", stopped: true });
});

test("text is held back only while it may be the start of a stop string", () => {
  const matcher = createStopMatcher(["STOP", "\n\n"]);
  assert.deepEqual(matcher.push("go on S"), { text: "go on ", stopped: false });
  assert.deepEqual(matcher.push("TO"), { text: "", stopped: false });
  assert.deepEqual(matcher.push("RM\n"), { text: "STORM", stopped: false });
  assert.equal(matcher.flush(), "\n");
  assert.equal(matcher.flush(), "");
  assert.deepEqual(createStopMatcher([]).push("all"), { text: "all", stopped: false });
  assert.deepEqual(createStopMatcher([""]).push("all"), { text: "all", stopped: false });
});

test("after a stop string nothing more comes, whatever is pushed", () => {
  const matcher = createStopMatcher(["."]);
  assert.deepEqual(matcher.push("end. And"), { text: "end", stopped: true });
  assert.deepEqual(matcher.push("more"), { text: "", stopped: true });
  assert.equal(matcher.flush(), "");
});
