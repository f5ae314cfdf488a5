import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { extract, LexiconError, loadLexicon, parseLexicon } from "../src/index.ts";

const folder = mkdtempSync(join(tmpdir(), "baltoro-lexicon-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function lexiconOf(value: unknown): ReturnType<typeof loadLexicon> {
  const path = join(folder, "own.json");
  writeFileSync(path, JSON.stringify(value));
  return loadLexicon([path]);
}

test("a hospital adds names, units, cues and foreign names", () => {
  const lexicon = lexiconOf({
    observations: [{ code: "1988-5", names: ["丙反"], bare: [{ unit: "mg/dL", from: 0, to: 50 }] }],
    units: [{ unit: "Cel", spellings: ["摄度"] }],
    foreign: ["幸福指数"],
    cues: [{ status: "past", why: "transfer", side: "before", reach: "clause", words: ["外院"] }],
  });
  const found = extract("外院丙反3.5，体温38.2摄度，幸福指数37.5", { lexicon }).map(({ code, value, status }) => [
    code,
    value,
    status,
  ]);
  assert.deepEqual(found, [
    ["1988-5", 35, "past"],
    ["8310-5", 38.2, "current"],
  ]);
});

test("the shipped lexicon is not changed by a hospital's", () => {
  lexiconOf({ observations: [{ code: "1988-5", names: ["丙反"] }] });
  assert.deepEqual(extract("丙反 35"), []);
});

for (const [name, json, message] of [
  ["no JSON", "{", /own\.json: not JSON/],
  ["a list", "[]", /the file: not an object/],
  ["an unknown part", `{"units ": []}`, /units : no part of a lexicon/],
  [
    "an unknown code",
    `{"observations": [{"code": "12-3", "names": ["x"]}]}`,
    /observations\[0\] \(12-3\)\.code: "12-3" is none of/,
  ],
  ["no names", `{"observations": [{"code": "8310-5", "names": []}]}`, /\(8310-5\)\.names: not a list of words/],
  [
    "a wrong unit",
    `{"observations": [{"code": "8310-5", "names": ["x"], "bare": [{"unit": "kg", "from": 1, "to": 2}]}]}`,
    /bare\[0\]\.unit: kg does not convert to Cel/,
  ],
  [
    "a range upside down",
    `{"observations": [{"code": "8310-5", "names": ["x"], "plausible": [45, 25]}]}`,
    /plausible: not two numbers, the lesser first/,
  ],
  [
    "a unit without conversion",
    `{"units": [{"unit": "furlong", "spellings": ["fl"]}]}`,
    /furlong converts to nothing; write what is only counted in braces/,
  ],
  ["an unknown class", `{"words": {"bridges": ["x"]}}`, /words\.bridges: no class of words/],
  [
    "an unknown status",
    `{"cues": [{"status": "maybe", "why": "x", "side": "before", "reach": "clause", "words": ["x"]}]}`,
    /cues\[0\] \(x\)\.status: "maybe" is none of current, past, other/,
  ],
  ["an empty word", `{"foreign": ["a", " "]}`, /foreign\[1\]: not a word/],
  ["an endless word", JSON.stringify({ foreign: ["a".repeat(61)] }), /foreign\[0\]: 61 characters, at most 60/],
  ["odd variants", `{"variants": "abc"}`, /variants: not a string of pairs/],
] as const)
  test(`refuses ${name}`, () => {
    assert.throws(
      () => parseLexicon(json, "own.json"),
      (error) => error instanceof LexiconError && message.test(error.message),
    );
  });

test("names every wrong entry at once", () => {
  const wrong = JSON.stringify({ foreign: ["", ""], units: [{ unit: "", spellings: ["x"] }] });
  assert.throws(() => parseLexicon(wrong, "own.json"), /own\.json: 4 wrong/);
});
