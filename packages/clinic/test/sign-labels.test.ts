import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseSignLabels, readResearchNotes, scoreSigns, signFamily } from "../src/score/index.ts";

const folder = join(import.meta.dirname, "../labels/signs");
const data = join(process.env["BALTORO_DATA"] ?? join(import.meta.dirname, "../../../../shared/data"), "clinic");
const skip = existsSync(data) ? false : `${data} is absent: the notes that the labels are of are not in the repository`;
const parts = ["open", "closed", "fresh"] as const;
const textOf = (part: string): string => readFileSync(join(folder, `${part}.jsonl`), "utf8");
const choice = JSON.parse(readFileSync(join(folder, "choice.json"), "utf8")) as {
  id: string;
  start: number;
  end: number;
  part: string;
}[];

test("every chosen excerpt is labelled once, in its own part, and no file has changed", () => {
  const readme = readFileSync(join(folder, "README.md"), "utf8");
  for (const part of parts) {
    assert.deepEqual(
      parseSignLabels(textOf(part)).map(({ id, start, end }) => ({ id, start, end })),
      choice.flatMap(({ id, start, end, part: own }) => (own === part ? [{ id, start, end }] : [])),
    );
    const hash = createHash("sha256").update(textOf(part)).digest("hex");
    assert.ok(readme.includes(hash), `${part}.jsonl has changed: its sha256 is ${hash}`);
  }
});

test("excerpts and signs lie within their notes", { skip }, () => {
  const notes = readResearchNotes(data);
  for (const part of parts)
    for (const { id, end } of parseSignLabels(textOf(part))) assert.ok(end <= (notes.get(id)?.length ?? -1), id);
});

test("bad labels are named by line and sign", () => {
  const good = `{"id":"a","start":0,"end":9,"signs":[{"kind":"cyanosis","status":"present","start":1,"end":3}]}`;
  assert.equal(parseSignLabels(`${good}\n\n${good}`).length, 2);
  const cases: [string, RegExp][] = [
    ["{", /line 1: not JSON/],
    ["null", /id must be a string/],
    [good.replace(`"end":9`, `"end":0`), /start below end/],
    [good.replace("present", "likely"), /sign 0: status must be one of present, denied/],
    [good.replace(`"end":3`, `"end":30`), /sign 0: start and end must be integers within the excerpt/],
    [good.replace(`"kind":"cyanosis",`, ""), /sign 0: kind/],
    [`{"id":"a","start":0,"end":9}`, /signs must be a list/],
  ];
  for (const [line, problem] of cases) assert.throws(() => parseSignLabels(line, "x.jsonl"), problem);
});

test("a sign is found under any grade of it, and what is denied counts as raised", () => {
  const sign = (kind: string, status: "present" | "denied" | "past") => ({ kind, status, start: 0, end: 1 });
  const of = (...signs: ReturnType<typeof sign>[]) => ({ id: "a", start: 0, end: 2, signs });
  const { kinds, errors } = scoreSigns(
    [of(sign("drowsy", "present")), of(sign("drowsy", "denied")), of(sign("cyanosis", "present")), of()],
    [[{ code: "lethargy" }], [{ code: "lethargy" }], [], []],
  );
  assert.equal(signFamily("drowsy"), "lethargy");
  const by = new Map(kinds.map((kind) => [kind.kind, kind]));
  assert.deepEqual(by.get("lethargy"), {
    ...{ kind: "lethargy", present: 1, found: 1, flagged: 2 },
    otherwise: {
      denied: { named: 1, flagged: 1 },
      supposed: { named: 0, flagged: 0 },
      past: { named: 0, flagged: 0 },
      other: { named: 0, flagged: 0 },
    },
  });
  assert.equal(by.get("cyanosis")?.found, 0);
  assert.deepEqual(errors, [
    { excerpt: 2, kind: "cyanosis", error: "missed" },
    { excerpt: 1, kind: "lethargy", error: "raised" },
  ]);
});
