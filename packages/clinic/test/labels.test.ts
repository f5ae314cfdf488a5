import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { measures } from "../src/codes/index.ts";
import { parseLabels, readResearchNotes, scoreNotes } from "../src/score/index.ts";

const folder = join(import.meta.dirname, "../labels");
const data = join(process.env["BALTORO_DATA"] ?? join(import.meta.dirname, "../../../../shared/data"), "clinic");
const skip = existsSync(data) ? false : `${data} is absent: the notes that the labels are of are not in the repository`;

const parts = ["development", "frozen", "reserve", "test"] as const;
type Part = (typeof parts)[number];
const split = JSON.parse(readFileSync(join(folder, "split.json"), "utf8")) as Record<string, Record<Part, string[]>>;
const files = Object.keys(split).flatMap((language) =>
  parts.map((part) => ({
    path: `${part === "development" ? "" : `${part}/`}${language}.jsonl`,
    ids: split[language][part],
  })),
);
const labelsOf = (path: string) => parseLabels(readFileSync(join(folder, path), "utf8"), path);

test("every note of the split is labelled once, in its own part", () => {
  for (const { path, ids } of files)
    assert.deepEqual(
      labelsOf(path)
        .map(({ id }) => id)
        .sort(),
      ids.toSorted(),
    );
  const all = files.flatMap(({ ids }) => ids);
  assert.equal(new Set(all).size, all.length);
  // A report and the dialogue that it sums up hold the same numbers: one row of the file is in one part only.
  const rows = all.map((id) => id.replace(/^(imcs_reports\/\d+)\/.*/, "$1"));
  assert.equal(new Set(rows).size, rows.length);
});

test("a third is frozen, as README.md records it", () => {
  for (const parts of Object.values(split)) {
    assert.equal(parts.frozen.length, Math.floor((parts.frozen.length + parts.development.length) / 3));
  }
  const readme = readFileSync(join(folder, "README.md"), "utf8");
  for (const { path } of files.filter(({ path }) => path.includes("/"))) {
    const hash = createHash("sha256")
      .update(readFileSync(join(folder, path)))
      .digest("hex");
    assert.ok(readme.includes(hash), `${path} has changed: its sha256 is ${hash}, which README.md does not name`);
  }
});

test("each label's text stands at its offsets in the note", { skip }, () => {
  const notes = readResearchNotes(data);
  for (const { path } of files) {
    for (const { id, items } of labelsOf(path)) {
      for (const { text, start, end } of items) {
        assert.equal(notes.get(id)?.slice(start, end), text, `${path}, note ${id}, ${start} to ${end}`);
      }
    }
  }
});

test("codes are those of the table, each in its canonical unit", () => {
  for (const { path } of files) {
    for (const { id, items } of labelsOf(path)) {
      for (const { code, unit } of items) assert.equal(unit, measures.get(code)?.unit, `${path}, note ${id}, ${code}`);
    }
  }
});

test("labels score perfectly against themselves", () => {
  for (const { path } of files) {
    const labelled = labelsOf(path);
    const { overall } = scoreNotes(labelled, new Map(labelled.map(({ id, items }) => [id, items])));
    assert.equal(overall.f1, 1, path);
    assert.ok(overall.labels > 100, path);
  }
});
