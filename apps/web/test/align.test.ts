import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createAligner } from "../src/text/align.ts";
import type { Piece } from "../src/text/pieces.ts";
import { textOf } from "../src/text/pieces.ts";

const token = (text: string, logprob = -1) => ({ text, logprob, top: [] });
const shape = (pieces: readonly Piece[]) => pieces.map(({ text, tokens }) => [text, tokens?.map((each) => each.text)]);

test("tokens that come with their text", () => {
  const aligner = createAligner();
  aligner.push(" a", [token(" a")]);
  aligner.push(" b", [token(" b")]);
  assert.deepEqual(shape(aligner.pieces()), [
    [" a", [" a"]],
    [" b", [" b"]],
  ]);
});

test("settled pieces stay the same objects", () => {
  const aligner = createAligner();
  aligner.push("a", [token("a")]);
  const [first] = aligner.pieces();
  aligner.push("b", [token("b")]);
  assert.equal(aligner.pieces()[0], first);
});

test("parts of characters are put together, alone and beside whole ones", () => {
  const aligner = createAligner();
  aligner.push("caf", [token("caf")]);
  aligner.push("", [token("\uFFFD")]);
  aligner.push("é", [token("\uFFFD")]);
  assert.deepEqual(shape(aligner.pieces()), [
    ["caf", ["caf"]],
    ["é", ["\uFFFD", "\uFFFD"]],
  ]);
  aligner.push(" x", [token(" x")]);
  assert.deepEqual(shape(aligner.pieces()).slice(1), [
    ["é", ["\uFFFD", "\uFFFD"]],
    [" x", [" x"]],
  ]);

  const mixed = createAligner();
  mixed.push(" é b", [token(" \uFFFD"), token("\uFFFD"), token(" b")]);
  assert.deepEqual(shape(mixed.pieces()), [
    [" é", [" \uFFFD", "\uFFFD"]],
    [" b", [" b"]],
  ]);
});

test("text that lags behind its tokens is waited for", () => {
  const aligner = createAligner();
  aligner.push("", [token("\n"), token("\nUs")]);
  assert.deepEqual(aligner.pieces(), []);
  aligner.push("\n\n", []);
  assert.deepEqual(shape(aligner.pieces()), [
    ["\n", ["\n"]],
    ["\n", ["\nUs"]],
  ]);
  aligner.push("Us", []);
  assert.deepEqual(shape(aligner.pieces())[1], ["\nUs", ["\nUs"]]);
});

test("a stop string that cuts the last token leaves the part that is text", () => {
  const aligner = createAligner();
  aligner.push("end.", [token("end"), token(".\n\n")]);
  assert.deepEqual(shape(aligner.pieces()), [
    ["end", ["end"]],
    [".", [".\n\n"]],
  ]);
});

test("a token that is not in the text loses only its own place", () => {
  const aligner = createAligner();
  aligner.push("abc", [token("a"), token("<gone>"), token("c")]);
  assert.deepEqual(shape(aligner.pieces()), [
    ["a", ["a"]],
    ["b", undefined],
    ["c", ["c"]],
  ]);
});

test("text without tokens", () => {
  const aligner = createAligner();
  aligner.push("plain", []);
  assert.deepEqual(aligner.pieces(), [{ text: "plain", by: "model" }]);
});

test("property: whatever the tokens, the text is what was sent", () => {
  const part = fc.string({ unit: fc.constantFrom("a", "b", " ", "é", "\uFFFD", "\n"), maxLength: 4 });
  fc.assert(
    fc.property(fc.array(fc.tuple(part, part), { maxLength: 12 }), (chunks) => {
      const aligner = createAligner();
      for (const [text, name] of chunks) aligner.push(text, [token(name)]);
      assert.equal(textOf(aligner.pieces()), chunks.map(([text]) => text).join(""));
    }),
    { seed: 4, numRuns: 500 },
  );
});

test("property: tokens that make up the text each keep their place", () => {
  const name = fc.string({ unit: fc.constantFrom("a", "b", " "), minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(fc.array(name, { maxLength: 12 }), fc.nat(3), (names, lag) => {
      const aligner = createAligner();
      names.forEach((each, i) => {
        aligner.push(i < lag ? "" : names.slice(i === lag ? 0 : i, i + 1).join(""), [token(each)]);
      });
      if (names.length <= lag) aligner.push(names.join(""), []);
      assert.deepEqual(
        shape(aligner.pieces()),
        names.map((each) => [each, [each]]),
      );
    }),
    { seed: 5, numRuns: 300 },
  );
});
