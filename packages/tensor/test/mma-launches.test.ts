/** Shapes, shared memory and parameters of the launches of tensor-core kernels. Needs no GPU. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { MacroLaunch } from "../src/devices/cuda/launcher.ts";
import { backwardOnTensorCores, forwardOnTensorCores } from "../src/devices/cuda/launches/attention.ts";
import {
  attentionBackwardMma,
  attentionForwardMma,
  attentionTiles,
  fitsAttentionMma,
} from "../src/devices/cuda/launches/attention-mma.ts";
import { fitsGroupedMma, groupedGemmMma, groupedGemmWeightGradMma } from "../src/devices/cuda/launches/grouped-mma.ts";

const kernels = join(import.meta.dirname, "../src/devices/cuda/kernels");
const mostShared = 227 << 10;

/** Kinds of the parameters that the .cu file declares. */
function declared({ file, name }: MacroLaunch): string {
  const source = readFileSync(join(kernels, `${file}.cu`), "utf8");
  const found = new RegExp(`\\b${name}\\(([^)]*)\\)\\s*\\{`).exec(source);
  assert.ok(found, `${file}.cu has no kernel ${name}`);
  return found[1]
    .split(",")
    .map((parameter) => (parameter.includes("*") ? "p" : parameter.trim().startsWith("float") ? "f" : "i"))
    .join("");
}

function checkLaunch(launch: MacroLaunch): void {
  assert.equal(launch.signature, declared(launch), launch.name);
  assert.equal(launch.values.length, launch.signature.length, launch.name);
  assert.ok(launch.values.every((value) => Number.isFinite(value)));
  assert.ok(launch.shared >= 0 && launch.shared <= mostShared - 4096, `${launch.name}: ${launch.shared} bytes`);
  assert.ok(launch.block % 32 === 0 && launch.block <= 1024);
}

const heads = { batch: 3, sequence: 301, heads: 5, scale: 0.1, causal: 1 };
const buffers = { q: 1, k: 2, v: 3, documents: 4, out: 5, lse: 6, rowMax: 7 };
const gradients = { dout: 1, q: 2, k: 3, v: 4, out: 5, documents: 6, lse: 7, delta: 8, dq: 9, dk: 10, dv: 11 };

describe("attention", () => {
  for (let qkDim = 16; qkDim <= 256; qkDim += 48) {
    for (let vDim = 16; vDim <= 256; vDim += 48) {
      test(`heads of ${qkDim} and ${vDim} fit`, () => {
        assert.ok(fitsAttentionMma({ ...heads, qkDim, vDim }));
        checkLaunch(attentionForwardMma({ ...heads, ...buffers, qkDim, vDim }));
        const backward = attentionBackwardMma({ ...heads, ...gradients, qkDim, vDim });
        assert.equal(backward.length, 3);
        for (const launch of backward) checkLaunch(launch);
      });
    }
  }

  test("every row is in one tile, and two blocks of K2's heads share a multiprocessor", () => {
    const { forward, query, key, macros } = attentionTiles(192, 128);
    const launch = attentionForwardMma({ ...heads, ...buffers, qkDim: 192, vDim: 128 });
    assert.deepEqual(launch.grid, [Math.ceil(301 / forward.rows) * 15]);
    assert.equal(macros["FORWARD_BLOCKS"], 2);
    assert.equal(forward.shared, 2 * (128 * 200 + 64 * (200 + 136)));
    assert.equal(query.shared, 2 * (128 + 2 * 64) * (200 + 136));
    assert.equal(key.shared, 2 * (128 + 2 * 32) * (200 + 136));
  });

  test("other sizes are left to the plain kernel", () => {
    for (const [qkDim, vDim] of [
      [40, 32],
      [272, 32],
      [32, 8],
    ]) {
      assert.ok(!fitsAttentionMma({ ...heads, qkDim, vDim }));
    }
  });
});

describe("the choice of attention's kernels", () => {
  const hopper = { chip: "sm_90a", scratch: 12, scratchBytes: 1 << 20 };
  const files = (chip: typeof hopper, sizes: { qkDim: number; vDim: number; scale?: number; sequence?: number }) => {
    const forward = forwardOnTensorCores({ ...heads, ...buffers, ...sizes }, chip) ?? [];
    const backward = backwardOnTensorCores({ ...heads, ...gradients, ...sizes }, chip) ?? [];
    for (const launch of [...forward, ...backward]) checkLaunch(launch);
    return [...new Set([...forward, ...backward].map(({ file }) => file))];
  };
  const warpgroups = ["attention-rows", "attention-wgmma-forward", "attention-wgmma-backward"];
  const warps = ["attention-mma", "attention-rows"];

  test("warpgroups for their heads on Hopper", () => {
    for (const [qkDim, vDim] of [
      [192, 128],
      [128, 128],
      [128, 64],
      [64, 64],
    ]) {
      assert.deepEqual(files(hopper, { qkDim, vDim }), warpgroups);
    }
  });

  test("else warps: another chip, other heads, a scale that is not positive, ends of documents that do not fit the workspace", () => {
    const heads = { qkDim: 192, vDim: 128 };
    assert.deepEqual(files({ ...hopper, chip: "sm_100a" }, heads), warps);
    assert.deepEqual(files(hopper, { qkDim: 64, vDim: 128 }), warps);
    assert.deepEqual(files(hopper, { qkDim: 160, vDim: 128 }), warps);
    assert.deepEqual(files(hopper, { qkDim: 256, vDim: 128 }), warps);
    assert.deepEqual(files(hopper, { ...heads, scale: 0 }), warps);
    assert.deepEqual(files({ ...hopper, scratchBytes: 8 * 3 * 301 - 1 }, heads), warps);
    assert.deepEqual(files({ ...hopper, scratchBytes: 8 * 3 * 301 }, heads), warpgroups);
    assert.deepEqual(files(hopper, { qkDim: 40, vDim: 32 }), []);
  });

  test("ends of documents are made first, and read from where they were put", () => {
    const sizes = { ...heads, qkDim: 192, vDim: 128 };
    for (const [documents, ...rest] of [
      forwardOnTensorCores({ ...buffers, ...sizes }, hopper) ?? [],
      backwardOnTensorCores({ ...gradients, ...sizes }, hopper) ?? [],
    ]) {
      assert.equal(documents.name, "attentionDocuments");
      assert.equal(documents.values[1], 12);
      for (const { name, values } of rest) if (name !== "attentionDeltaMma") assert.ok(values.includes(12), name);
    }
  });
});

describe("experts", () => {
  const sizes = { rows: 300, experts: 7, n: 136, k: 72, accumulate: 0 };

  test("a grid covers every tile that the experts' rows may need", () => {
    for (const transposeW of [0, 1]) {
      const launch = groupedGemmMma({ ...sizes, x: 1, w: 2, y: 3, offsets: 4, transposeW }, "bf16", "mma");
      checkLaunch(launch);
      assert.deepEqual(launch.grid, [2, 3 + 7]);
      assert.equal(launch.macros["OUT"], "bf16");
    }
    const launch = groupedGemmWeightGradMma({ ...sizes, dy: 1, x: 2, dw: 3, offsets: 4 }, "f32", "wgmma");
    checkLaunch(launch);
    assert.deepEqual(launch.grid, [1, 2, 7]);
    assert.equal(launch.macros["OUT"], "float");
    assert.equal(launch.macros["WGMMA"], 1);
    assert.equal(launch.block, 256);
  });

  test("no rows, no blocks; sizes that are not multiples of 8 are left to the plain kernel", () => {
    assert.equal(
      groupedGemmMma({ ...sizes, rows: 0, x: 1, w: 2, y: 3, offsets: 4, transposeW: 0 }, "bf16", "mma").grid[1],
      0,
    );
    assert.ok(fitsGroupedMma({ n: 8, k: 24 }));
    assert.ok(!fitsGroupedMma({ n: 12, k: 24 }));
    assert.ok(!fitsGroupedMma({ n: 8, k: 9 }));
  });
});
