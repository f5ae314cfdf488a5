import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { benchReport, checkTable, figure, median, passes } from "../../../bench/harness.ts";

let directory = "";
before(() => {
  directory = mkdtempSync(join(tmpdir(), "bench-"));
  for (const name of ["run.ts", "harness.ts"]) {
    cpSync(new URL(`../../../bench/${name}`, import.meta.url), join(directory, name));
  }
  writeFileSync(join(directory, "package.json"), '{"type":"module"}');
  writeFileSync(
    join(directory, "works.ts"),
    `export const run = async ({ args }) => ({ lines: ["made of " + args.join("+")], figures: { a: 1 },
      checks: [{ name: "speed", value: 3, atLeast: 2 }, { name: "seconds", value: 9, atMost: 5 }] });`,
  );
  writeFileSync(join(directory, "empty.ts"), "export {};");
});
after(() => rmSync(directory, { recursive: true, force: true }));

function bench(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(directory, "run.ts"), ...args], {
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

test("a check passes within its bounds; a value that is no number never does", () => {
  assert.ok(passes({ name: "a", value: 2, atLeast: 2 }));
  assert.ok(!passes({ name: "a", value: 1.99, atLeast: 2 }));
  assert.ok(passes({ name: "a", value: 2, atMost: 2, atLeast: 1 }));
  assert.ok(!passes({ name: "a", value: 2.01, atMost: 2 }));
  assert.ok(!passes({ name: "a", value: Number.NaN }));
});

test("figures and tables for people", () => {
  assert.deepEqual(
    [figure(0.87341), figure(1234.5), figure(123456), figure(Number.NaN)],
    ["0.8734", "1235", "123,500", "NaN"],
  );
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.throws(() => median([]), /median of nothing/);
  assert.deepEqual(checkTable([]), []);
  assert.deepEqual(
    checkTable([
      { name: "speed", value: 12.5, atLeast: 2 },
      { name: "s", value: 130, atMost: 120 },
    ]),
    [
      "check  value  target  result",
      "─────  ─────  ──────  ──────",
      "speed   12.5     ≥ 2  pass",
      "s        130   ≤ 120  miss",
    ],
  );
});

test("the report names machine, versions and outcome", () => {
  const report = benchReport("x", { figures: { a: 1 }, lines: [], checks: [{ name: "speed", value: 1, atLeast: 2 }] });
  assert.deepEqual(Object.keys(report), ["bench", "machine", "versions", "figures", "checks"]);
  assert.deepEqual(report.checks, [{ name: "speed", value: 1, atLeast: 2, pass: false }]);
});

test("a benchmark runs by name; the last line is JSON; a missed target is no failure", () => {
  const { status, stdout } = bench("works", "one", "--json", "two");
  assert.equal(status, 0);
  const lines = stdout.trimEnd().split("\n");
  assert.equal(lines[0], "made of one+two");
  const { bench: name, checks } = JSON.parse(lines.at(-1)!) as { bench: string; checks: { pass: boolean }[] };
  assert.equal(name, "works");
  assert.deepEqual(
    checks.map(({ pass }) => pass),
    [true, false],
  );
  assert.ok(!bench("works").stdout.includes("{"));
});

test("an unknown name lists what there is", () => {
  for (const args of [["nothing"], [], ["harness"], ["../run"]]) {
    const { status, stderr } = bench(...args);
    assert.equal(status, 2);
    assert.match(stderr, /Benchmarks: empty, works/);
  }
  const { status, stderr } = bench("empty");
  assert.equal(status, 1);
  assert.match(stderr, /exports no function "run"/);
});
