import assert from "node:assert/strict";
import { test } from "node:test";
import { extract, type ModelInput } from "@baltoro/clinic";
import fc from "fast-check";
import { learnVocabulary, lookupOf, parseVocabulary, tokenize } from "../src/tokens/index.ts";
import { learnPieces, learnWords } from "../src/tokens/learn.ts";

const input = (text: string): ModelInput => ({ text, items: extract(text) });
const notes = [
  "患儿，3岁，咳嗽3天，发热。T 38.6℃，双肺可闻及湿啰音，咳嗽加重。",
  "A 4-year-old boy with cough and wheezing. Temperature 38.2 C, SpO2 91%. Wheezing on both sides.",
];
const training = Array.from({ length: 10 }, () => [...notes, "咳嗽，有痰", "发热、咳嗽"])
  .flat()
  .map(input);
const vocabulary = learnVocabulary(training, { pieces: 60, minWordCount: 5 });
const lookup = lookupOf(vocabulary);
const options = { maxTokens: 384, numbers: "placeholder" } as const;

test("every token keeps its span of the note, and spans cover all but spaces", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 80 }), fc.constantFrom(...notes), (noise, note) => {
      const text = note + noise + note;
      const { starts, ends, ids, words } = tokenize(input(text), lookup, options);
      assert.equal(ids.length, words.length);
      assert.deepEqual([starts[0], ends[0]], [0, 0]);
      let at = 0;
      for (let i = 1; i < ids.length; i++) {
        assert.ok(starts[i] >= at && ends[i] > starts[i], `token ${i}`);
        assert.match(text.slice(at, starts[i]), /^[\0- \u00a0\u2000-\u200f\u3000\ufeff]*$/);
        assert.ok(ids[i] >= 0 && ids[i] < vocabulary.tokens.length);
        at = ends[i];
      }
    }),
  );
});

test("an extracted number is one token of its code that names its item", () => {
  const note = input(notes[0]);
  const { ids, items, starts, ends } = tokenize(note, lookup, options);
  const at = items.findIndex((item) => note.items[item]?.code === "8310-5");
  assert.equal(vocabulary.tokens[ids[at]], "[8310-5]");
  assert.match(note.text.slice(starts[at], ends[at]), /38\.6/);
  const plain = tokenize(note, lookup, { ...options, numbers: "text" });
  assert.ok(plain.items.every((item) => item === -1));
  assert.ok(plain.ids.length > ids.length);
});

test("characters know their word, English is cut into pieces, capitals and full width do not matter", () => {
  const { words, starts } = tokenize(input("咳嗽"), lookup, options);
  assert.equal(vocabulary.words[words[1]], "咳嗽");
  assert.equal(words[1], words[2]);
  assert.deepEqual([...starts], [0, 0, 1]);
  assert.deepEqual(
    tokenize(input("WHEEZING：x"), lookup, options).ids,
    tokenize(input("wheezing:x"), lookup, options).ids,
  );
});

test("a run of the mask is one token, however long the name was", () => {
  const short = tokenize(input("诊断□□。"), lookup, options);
  const long = tokenize(input("诊断□□□□□□□。"), lookup, options);
  assert.deepEqual(short.ids, long.ids);
  assert.equal(long.ends[3] - long.starts[3], 7);
});

test("what is cut off is reported", () => {
  const text = "咳嗽".repeat(20);
  const { ids, cut } = tokenize(input(text), lookup, { ...options, maxTokens: 11 });
  assert.equal(ids.length, 11);
  assert.deepEqual(cut, { tokens: 30, from: 10 });
  assert.equal(tokenize(input("咳嗽"), lookup, options).cut, undefined);
});

test("pieces are the frequent pairs, words those that stand together more than by chance", () => {
  assert.deepEqual(learnPieces(new Map([["aa", 3]]), 1).at(-1), "aa");
  const runs = new Map(Array.from({ length: 400 }, (_, i) => [`咳嗽${String.fromCharCode(0x4e00 + i)}`, 2] as const));
  assert.deepEqual(learnWords(runs, 10, 5), ["咳嗽"]);
});

test("a vocabulary is checked when it is read", () => {
  assert.deepEqual(parseVocabulary(JSON.stringify(vocabulary), "v.json"), vocabulary);
  assert.throws(() => parseVocabulary("{", "v.json"), /v\.json/);
  assert.throws(() => parseVocabulary("{}", "v.json"), /schema is undefined/);
  assert.throws(() => parseVocabulary(JSON.stringify({ ...vocabulary, words: [1] }), "v.json"), /words is no list/);
  assert.throws(() => parseVocabulary(JSON.stringify({ ...vocabulary, tokens: [] }), "v.json"), /token 0/);
});
