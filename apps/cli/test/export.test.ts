/** `baltoro export` as a user runs it, on the model that ships. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const launcher = join(import.meta.dirname, "../bin/baltoro.js");
const shipped = join(import.meta.dirname, "../../../models/gutenberg-nano");
const folder = mkdtempSync(join(tmpdir(), "baltoro-export-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function baltoro(...args: string[]) {
  return spawnSync(process.execPath, [launcher, ...args], { encoding: "utf8", timeout: 120_000 });
}

test("the model that ships goes to fp8 in shards, and what was written generates", () => {
  const out = join(folder, "fp8");
  const exported = baltoro(
    ...["export", "--checkpoint", shipped, "--out", out, "--dtype", "fp8", "--shard-size", "2_000_000", "--json"],
  );
  assert.equal(exported.status, 0, exported.stderr);
  const summary = JSON.parse(exported.stdout);
  assert.ok(summary.quantized > 0 && summary.quantized < summary.weights);
  assert.ok(summary.bytesWritten < 0.65 * summary.bytesRead, `${summary.bytesWritten} of ${summary.bytesRead} bytes`);
  assert.deepEqual(readdirSync(out).sort(), [...summary.files].sort());
  assert.ok(summary.files.includes("tiktoken.model") && summary.files.includes("baltoro.json"));
  const shards = readdirSync(out).filter((name) => name.endsWith(".safetensors"));
  assert.ok(shards.length > 4);
  // The embedding of 4096 × 256 in bf16 fills a shard; headers come on top.
  for (const name of shards) assert.ok(statSync(join(out, name)).size < 2_200_000, name);
  const generated = baltoro(
    ...[
      "generate",
      "--checkpoint",
      out,
      "--prompt",
      "The old house",
      "--max-tokens",
      "8",
      "--temperature",
      "0",
      "--json",
    ],
  );
  assert.equal(generated.status, 0, generated.stderr);
  assert.equal(JSON.parse(generated.stdout).tokens, 8);

  const again = baltoro("export", "--checkpoint", shipped, "--out", out, "--dtype", "bf16");
  assert.equal(again.status, 1);
  assert.match(again.stderr, /is not empty: name a new directory/);
});

test("wrong use is said, with the usage", () => {
  const out = join(folder, "never");
  const cases: [string[], RegExp][] = [
    [["--checkpoint", shipped, "--out", out, "--dtype", "int4"], /--dtype is int4, expected one of f32, bf16, fp8/],
    [["--checkpoint", shipped, "--out", out], /--dtype is missing/],
    [["--checkpoint", shipped, "--dtype", "fp8"], /--out is missing/],
    [["--checkpoint", shipped, "--out", out, "--dtype", "fp8", "--shard-size", "0"], /--shard-size is 0/],
  ];
  for (const [args, message] of cases) {
    const { status, stderr } = baltoro("export", ...args);
    assert.equal(status, 2, stderr);
    assert.match(stderr, message);
    assert.match(stderr, /baltoro export --checkpoint DIR/);
  }
  const missing = baltoro("export", "--checkpoint", join(folder, "nowhere"), "--out", out, "--dtype", "fp8");
  assert.equal(missing.status, 1);
  assert.match(missing.stderr, /nowhere\/config\.json cannot be read/);
  assert.ok(!existsSync(out));
});
