/** `baltoro clinic cohort` as a user runs it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const launcher = join(import.meta.dirname, "../bin/baltoro.js");
const folder = mkdtempSync(join(tmpdir(), "baltoro-cohort-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function cohort(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [launcher, "clinic", "cohort", ...args], {
    ...{ encoding: "utf8", timeout: 120_000, maxBuffer: 2 ** 26 },
  });
  return { status, stdout, stderr };
}

test("prints new patients as JSON lines, and writes the same to a file", () => {
  const printed = cohort("--seed", "3", "--count", "5");
  assert.equal(printed.stderr, "");
  assert.equal(printed.status, 0);
  const records = printed.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.equal(records.length, 5);
  for (const { text, labels, split, posterior } of records) {
    assert.ok(text.length > 20);
    assert.ok(Array.isArray(labels));
    assert.equal(split, "train");
    for (const p of Object.values(posterior) as number[]) assert.ok(p >= 0 && p <= 1);
  }
  const path = join(folder, "cohort.jsonl");
  assert.equal(cohort("--seed", "3", "--count", "5", "--out", path).status, 0);
  assert.equal(readFileSync(path, "utf8"), printed.stdout);
});

test("the frozen cohort's split, described", () => {
  const { status, stdout } = cohort("--split", "validation", "--describe", "--json");
  assert.equal(status, 0);
  const { count, ceilingMap, sha256 } = JSON.parse(stdout);
  assert.equal(count, 1000);
  assert.ok(ceilingMap > 0.85 && ceilingMap < 0.95);
  assert.match(sha256, /^[0-9a-f]{64}$/);
  assert.match(
    cohort("--seed", "1", "--count", "300", "--describe").stdout,
    /^300 synthetic notes; .*\n[\s\S]*ceiling: .*mean 0\.\d{4}\nsha256 /,
  );
});

test("what cannot be is refused with what is possible", () => {
  for (const [args, message] of [
    [["--split", "dev"], /--split dev: expected train, validation, test, heldOut/],
    [["--seed", "1"], /--seed and --count go together: --count is missing/],
    [["--seed", "x", "--count", "1"], /--seed x: expected a whole number of 0 or more/],
    [["--json"], /--json goes with --describe/],
    [["--describe", "--out", "x"], /--describe prints, and has no --out/],
  ] as const) {
    const { status, stderr } = cohort(...args);
    assert.notEqual(status, 0);
    assert.match(stderr, message);
  }
  const missing = cohort("--seed", "1", "--count", "1", "--out", join(folder, "none", "x.jsonl"));
  assert.notEqual(missing.status, 0);
  assert.match(missing.stderr, /ENOENT|no such file/);
});
