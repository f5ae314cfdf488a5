import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { adviseHugePages } from "@baltoro/tensor";
import { addressOf, loadKoffi } from "../src/devices/native-memory.ts";

/** Flags of the mapping that holds an address, as /proc/self/smaps tells them. */
function mappingFlags(address: number): string[] {
  let inside = false;
  for (const line of readFileSync("/proc/self/smaps", "utf8").split("\n")) {
    const range = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line);
    if (range) inside = Number.parseInt(range[1], 16) <= address && address < Number.parseInt(range[2], 16);
    else if (inside && line.startsWith("VmFlags:")) return line.slice(8).trim().split(" ");
  }
  return [];
}

test("large pages are asked for under all of the memory, what it grows to as well", (t) => {
  const memory = new WebAssembly.Memory({ initial: 64, maximum: 1024, shared: true });
  const { on, reason } = adviseHugePages(memory, 1024 * 65536);
  if (!on) return t.skip(reason);
  const start = addressOf(loadKoffi(), memory);
  assert.ok(mappingFlags(start).includes("hg"));
  memory.grow(512);
  assert.ok(mappingFlags(start + 500 * 65536).includes("hg"));
});
