import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createHistory } from "../src/text/history.ts";
import { editPieces, joinPieces, type Piece, slicePieces, textOf } from "../src/text/pieces.ts";

const user = (text: string): Piece => ({ text, by: "user" });
const model = (text: string): Piece => ({ text, by: "model" });
const token = (text: string): Piece => ({ text, by: "model", tokens: [{ text, logprob: -1, top: [] }] });

test("typing at the end is the person's", () => {
  assert.deepEqual(editPieces([user("a"), model("b")], "abc"), [user("a"), model("b"), user("c")]);
  assert.deepEqual(editPieces([user("a")], "ab"), [user("ab")]);
  assert.deepEqual(editPieces([], "x"), [user("x")]);
});

test("what is typed into the model's text splits it, and its tokens go", () => {
  const cat = token(" cat");
  assert.deepEqual(editPieces([token("the"), cat], "thXe cat", 3), [model("th"), user("X"), model("e"), cat]);
});

test("tokens that were not touched stay the same objects", () => {
  const pieces = [token("a"), token("b"), token("c")];
  const after = editPieces(pieces, "abXc", 3);
  assert.equal(after[0], pieces[0]);
  assert.equal(after[1], pieces[1]);
  assert.equal(after[3], pieces[2]);
});

test("of equal letters the caret says which is new", () => {
  const pieces = [user("aa"), model("aa")];
  assert.deepEqual(editPieces(pieces, "aaaaa", 1), [user("aaa"), model("aa")]);
  assert.deepEqual(editPieces(pieces, "aaaaa", 5), [user("aa"), model("aa"), user("a")]);
});

test("deleting, replacing and emptying", () => {
  assert.deepEqual(editPieces([user("ab"), model("cd")], "ad", 1), [user("a"), model("d")]);
  assert.deepEqual(editPieces([user("ab"), model("cd")], "xyz"), [user("xyz")]);
  assert.deepEqual(editPieces([user("ab")], ""), []);
});

test("property: an edit gives the text that was asked for, in pieces that are not empty", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b", "\n", "é"), maxLength: 6 });
  const piece = fc.oneof(letters.map(user), letters.map(model), letters.map(token));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 5 }), letters, fc.nat(6), (pieces, after, caret) => {
      const edited = editPieces(pieces, after, Math.min(caret, after.length));
      assert.equal(textOf(edited), after);
      assert.ok(edited.every(({ text }) => text !== "") || textOf(pieces) === after);
    }),
    { seed: 3, numRuns: 500 },
  );
});

test("slicing keeps whole pieces and cuts the tokens off the others", () => {
  const pieces = [user("abc"), token("def")];
  assert.deepEqual(slicePieces(pieces, 1, 4), [user("bc"), model("d")]);
  assert.equal(slicePieces(pieces, 3, 6)[0], pieces[1]);
  assert.deepEqual(slicePieces(pieces, 2, 2), []);
  assert.deepEqual(joinPieces([user("a"), user("b"), model("c"), user("")]), [user("ab"), model("c")]);
});

test("history goes back and forth, and forgets the future when something else is done", () => {
  const history = createHistory<string>(2);
  assert.equal(history.undo("now"), undefined);
  history.record("a");
  history.record("b");
  history.record("c");
  assert.equal(history.undo("d"), "c");
  assert.equal(history.undo("c"), "b");
  assert.equal(history.canUndo, false, "the oldest is beyond the limit");
  assert.equal(history.redo("b"), "c");
  history.record("c");
  assert.equal(history.canRedo, false);
});
