import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  bfloat16ToFloat32,
  float32ToBfloat16,
  openSafetensors,
  SafetensorsError,
  writeSafetensors,
} from "@baltoro/tensor";
import fc from "fast-check";

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "baltoro-safetensors-"));
});
after(() => rm(folder, { recursive: true }));

const ramp = (n: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i) * 3);

/** A file from a header and data, lengths as given or honest. */
function fileOf(header: unknown, dataBytes: number, claimed?: bigint): Uint8Array {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, claimed ?? BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

describe("round trips", () => {
  test("F32 exactly, BF16 to the nearest, scalars, empty tensors, metadata", async () => {
    const path = join(folder, "round.safetensors");
    const of = (name: string, dtype: "F32" | "BF16", shape: number[]) => {
      const values = ramp(shape.reduce((product, axis) => product * axis, 1));
      return { name, dtype, shape, values: () => values };
    };
    const list = [
      of("a.weight", "F32", [3, 5]),
      of("b", "BF16", [7]),
      of("scalar", "F32", []),
      of("none", "F32", [0, 4]),
    ];
    await writeSafetensors(path, list, { format: "pt" });
    const file = await openSafetensors(path);
    try {
      assert.deepEqual([...file.names].sort(), ["a.weight", "b", "none", "scalar"]);
      assert.equal(file.metadata["format"], "pt");
      assert.deepEqual(file.info("a.weight"), { dtype: "F32", shape: [3, 5], byteLength: 60 });
      assert.deepEqual(await file.readFloat32("a.weight"), ramp(15));
      assert.deepEqual(await file.readFloat32("b"), bfloat16ToFloat32(float32ToBfloat16(ramp(7))));
      assert.equal((await file.readFloat32("scalar")).length, 1);
      assert.equal((await file.readFloat32("none")).length, 0);
      await assert.rejects(file.read("c"), /holds no tensor c/);
    } finally {
      await file.close();
    }
  });

  test("shards with an index, and an index that lies", async () => {
    const directory = join(folder, "sharded");
    await mkdir(directory);
    const one = (name: string) => [{ name, dtype: "F32" as const, shape: [2], values: () => ramp(2) }];
    await writeSafetensors(join(directory, "model-1.safetensors"), one("x"));
    await writeSafetensors(join(directory, "model-2.safetensors"), one("y"));
    const index = (map: unknown) =>
      writeFile(join(directory, "model.safetensors.index.json"), JSON.stringify({ weight_map: map }));
    await index({ x: "model-1.safetensors", y: "model-2.safetensors" });
    const file = await openSafetensors(directory);
    assert.deepEqual(await file.readFloat32("y"), ramp(2));
    await file.close();
    await index({ x: "model-2.safetensors" });
    await assert.rejects(openSafetensors(directory), /says that it holds x, it does not/);
    await index({ x: "../../etc/passwd" });
    await assert.rejects(openSafetensors(directory), /expected a file beside it/);
    await index({ x: "model-3.safetensors" });
    await assert.rejects(openSafetensors(directory), /model-3\.safetensors cannot be opened/);
  });

  test("bf16 keeps NaN, infinities and signed zeros, and rounds ties to even", () => {
    const values = Float32Array.of(Number.NaN, Infinity, -Infinity, -0, 1.00390625, 1.01171875);
    const back = bfloat16ToFloat32(float32ToBfloat16(values));
    assert.ok(Number.isNaN(back[0]));
    assert.deepEqual(Array.from(back.slice(1)), [Infinity, -Infinity, -0, 1, 1.015625]);
  });
});

describe("damaged files are refused, named, and said what to do about", () => {
  const entry = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
  const cases: Record<string, [Uint8Array, RegExp]> = {
    "too short": [new Uint8Array(5), /5 bytes/],
    "header longer than the file": [fileOf({ x: entry }, 8, 10_000n), /claims 10000 bytes/],
    "header of 2⁶³ bytes": [fileOf({ x: entry }, 8, 2n ** 63n), /claims/],
    "no JSON": [fileOf("{x", 8), /no JSON/],
    "an array": [fileOf([], 8), /no object/],
    "cut off": [fileOf({ x: entry }, 4), /cut off/],
    "unknown dtype": [fileOf({ x: { ...entry, dtype: "F3" } }, 8), /dtype "F3"/],
    "negative shape": [fileOf({ x: { ...entry, shape: [-2] } }, 8), /shape \[-2\]/],
    "shape that overflows": [fileOf({ x: { ...entry, shape: [2 ** 40, 2 ** 40] } }, 8), /needs/],
    "offsets that do not fit the shape": [
      fileOf({ x: { ...entry, shape: [3] } }, 12),
      /needs 12 bytes, its data_offsets span 8/,
    ],
    "offsets backwards": [fileOf({ x: { ...entry, data_offsets: [8, 0] } }, 8), /span -8/],
    overlap: [fileOf({ x: entry, y: entry }, 8), /overlap/],
    "a gap": [fileOf({ x: entry, y: { ...entry, data_offsets: [12, 20] } }, 20), /gap/],
    "null entry": [fileOf({ x: null }, 8), /dtype undefined/],
  };
  for (const [name, [bytes, message]] of Object.entries(cases)) {
    test(name, async () => {
      const path = join(folder, "hostile.safetensors");
      await writeFile(path, bytes);
      await assert.rejects(openSafetensors(path), (error: Error) => {
        assert.ok(error instanceof SafetensorsError, String(error));
        assert.match(error.message, message);
        assert.match(error.message, /hostile\.safetensors is damaged.*again/);
        return true;
      });
    });
  }

  test("any bytes at all: an error of ours or a valid file, never a crash", async () => {
    const path = join(folder, "random.safetensors");
    const honest = fileOf({ x: entry }, 8);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(honest.length - 1), fc.nat(255)), { maxLength: 4 }),
        fc.nat(honest.length),
        async (flips, length) => {
          const bytes = honest.slice(0, length);
          for (const [at, value] of flips) if (at < bytes.length) bytes[at] = value;
          await writeFile(path, bytes);
          const file = await openSafetensors(path).catch((error: unknown) => {
            assert.ok(error instanceof SafetensorsError, String(error));
            return null;
          });
          await file?.close();
        },
      ),
      { numRuns: 200, seed: 7 },
    );
  });
});

test("an interrupted write leaves the old file and nothing beside it", async () => {
  const directory = join(folder, "atomic");
  await mkdir(directory);
  const path = join(directory, "model.safetensors");
  const tensors = (values: () => Float32Array | Promise<Float32Array>) => [
    { name: "x", dtype: "F32" as const, shape: [4], values: () => ramp(4) },
    { name: "y", dtype: "F32" as const, shape: [4], values },
  ];
  await writeSafetensors(
    path,
    tensors(() => ramp(4)),
  );
  const before = await readFile(path);
  const broken = () => Promise.reject(new Error("the device is lost"));
  await assert.rejects(writeSafetensors(path, tensors(broken)), /the device is lost/);
  await assert.rejects(
    writeSafetensors(
      path,
      tensors(() => ramp(3)),
    ),
    /y F32 \[4\] got 12 bytes, expected 16/,
  );
  await assert.rejects(
    writeSafetensors(path, [...tensors(() => ramp(4)), ...tensors(() => ramp(4))]),
    /two tensors are named x/,
  );
  assert.deepEqual(await readFile(path), before);
  assert.deepEqual(await readdir(directory), ["model.safetensors"]);
});
