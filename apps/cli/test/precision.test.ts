/** `--precision fp8` as a user says it, on the model that ships. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

const launcher = join(import.meta.dirname, "../bin/baltoro.js");
const shipped = join(import.meta.dirname, "../../../models/gutenberg-nano");

function baltoro(...args: string[]) {
  return spawnSync(process.execPath, [launcher, ...args], { encoding: "utf8", timeout: 120_000 });
}

const generate = (...options: string[]) =>
  baltoro(
    ...["generate", "--checkpoint", shipped, "--device", "wasm", "--threads", "2", "--prompt", "The old house"],
    ...["--max-tokens", "12", "--temperature", "0", "--json", ...options],
  );

test("fp8 continues a text, and much as f32 does", () => {
  const [plain, quantized] = [generate(), generate("--precision", "fp8")];
  for (const { status, stderr } of [plain, quantized]) assert.equal(status, 0, stderr);
  const [expected, actual] = [JSON.parse(plain.stdout), JSON.parse(quantized.stdout)];
  assert.equal(actual.tokens, 12);
  // The likeliest first word does not hang on four bits of the weights.
  assert.equal(actual.ids[0], expected.ids[0]);
});

test("what precisions there are, and that training has no fp8, is said", () => {
  const unknown = generate("--precision", "fp4");
  assert.equal(unknown.status, 2);
  assert.match(unknown.stderr, /--precision is fp4, expected bf16, tf32, f32, fp8/);
  const trained = baltoro("train", "--data", "none.txt", "--precision", "fp8");
  assert.equal(trained.status, 2);
  assert.match(trained.stderr, /--precision fp8 stores weights in e4m3, which are for inference: train with bf16/);
});
