/** The command as a user runs it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const launcher = join(import.meta.dirname, "../bin/baltoro.js");
const folder = mkdtempSync(join(tmpdir(), "baltoro-clinic-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function baltoro(args: readonly string[], input = "") {
  const { status, stdout, stderr } = spawnSync(process.execPath, [launcher, ...args], {
    ...{ encoding: "utf8", timeout: 60_000, input, maxBuffer: 2 ** 26 },
  });
  return { status, stdout, stderr };
}

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

test("reads text, self-reports and utterances", () => {
  const path = file(
    "notes.jsonl",
    [
      JSON.stringify({ id: "a", text: "T 38.6℃，P 132次/分" }),
      JSON.stringify({ id: 7, self_report: "宝宝8个月，发烧39.2" }),
      JSON.stringify({ id: "c", utterances: [{ text: "体温多少" }, { text: "38.4" }] }),
      "",
    ].join("\n"),
  );
  const { status, stdout, stderr } = baltoro(["clinic", "extract", path, "--json"]);
  assert.equal(stderr, "");
  assert.equal(status, 0);
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map(({ id }) => id),
    ["a", 7, "c"],
  );
  const values = lines.map(({ items }) =>
    items.map(({ code, value }: { code: string; value: number }) => [code, value]),
  );
  assert.deepEqual(values, [
    [
      ["8310-5", 38.6],
      ["8867-4", 132],
    ],
    [
      ["30525-0", 8],
      ["8310-5", 39.2],
    ],
    [["8310-5", 38.4]],
  ]);
  const [item] = lines[0].items;
  assert.deepEqual(Object.keys(item).slice(0, 7), ["code", "value", "unit", "text", "start", "end", "status"]);
});

test("names malformed lines by number, goes on with the others and fails", () => {
  const notes = [
    `{"id": 1, "text": "HR 90"}`,
    "{",
    `{"id": 3}`,
    `[1]`,
    `{"id": 5, "text": 6}`,
    `{"id": 6, "text": "HR 91"}`,
  ];
  const { status, stdout, stderr } = baltoro(["clinic", "extract", "-", "--json"], notes.join("\n"));
  assert.equal(status, 1);
  assert.deepEqual(
    stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).id),
    [1, 6],
  );
  for (const line of ["line 2: not JSON", "line 3: none of text", "line 4: not an object", "line 5: text is number"])
    assert.ok(stderr.includes(line), `${line} in ${stderr}`);
});

test("without --json prints names and flags", () => {
  const { stdout } = baltoro(["clinic", "extract", "-"], `{"id": "x", "text": "3岁，体温39.6℃，WBC<1.5"}`);
  assert.match(stdout, /Body temperature: 39\.6 Cel \(H\)/);
  assert.match(stdout, /Leukocytes: <1\.5 10\*9\/L/);
});

test("a hospital's own lexicon adds names; a wrong one is refused with the entry", () => {
  const own = file("own.json", JSON.stringify({ observations: [{ code: "1988-5", names: ["丙反"] }] }));
  const note = `{"id": "x", "text": "丙反 35"}`;
  const { stdout } = baltoro(["clinic", "extract", "-", "--json", "--lexicon", own], note);
  assert.equal(JSON.parse(stdout).items[0].value, 35);
  const wrong = file("wrong.json", JSON.stringify({ observations: [{ code: "1", names: ["x"] }] }));
  const refused = baltoro(["clinic", "extract", "-", "--lexicon", wrong], note);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /wrong\.json: 1 wrong\n {2}observations\[0\] \(1\)\.code: "1" is none of 8310-5/);
});

test("wrong usage", () => {
  assert.equal(baltoro(["clinic"]).status, 2);
  assert.equal(baltoro(["clinic", "diagnose"]).status, 2);
  assert.equal(baltoro(["clinic", "extract"]).status, 2);
  assert.equal(baltoro(["clinic", "extract", join(folder, "none.jsonl")]).status, 1);
});
