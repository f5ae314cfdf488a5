/**
 * Parity with Hugging Face transformers (bench/peers/hf_fixtures.py wrote the fixtures), before anything is trained: and proof
 * that the fixtures would notice the mistakes that are easy to make.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { createModel, forwardLogits, type K2Config, loadWeights, namedWeights, readConfig } from "@baltoro/k2";
import {
  type Backend,
  binaryOps,
  createDevice,
  type Device,
  openDevice,
  openReferenceBackend,
  openSafetensors,
  reduceOps,
  scope,
  tensor,
} from "@baltoro/tensor";
import { skipWithoutGpu } from "../../tensor/test/gpu.ts";

const fixtures = join(import.meta.dirname, "../fixtures/transformers");
const variants = ["q-lora", "no-q-lora", "q-lora-yarn", "no-q-lora-yarn"];

interface Mutation {
  readonly config?: (config: K2Config) => K2Config;
  readonly halfSplitRope?: boolean;
  readonly device?: () => Device;
}

/** max|Δ| / max|logit| of one fixture. */
async function deviation(variant: string, device: Device, mutation: Mutation = {}): Promise<number> {
  const directory = join(fixtures, variant);
  const config = await readConfig(directory);
  const model = createModel(device, mutation.config?.(config) ?? config);
  await loadWeights(model, directory);
  if (mutation.halfSplitRope) await permuteRopeRows(model.weights, config);
  const expectedFile = await openSafetensors(join(directory, "expected.safetensors"));
  const { shape } = expectedFile.info("input_ids");
  const ids = new Int32Array((await expectedFile.read("input_ids")).buffer);
  const expected = await expectedFile.readFloat32("logits");
  await expectedFile.close();
  const logits = scope(device, () =>
    forwardLogits(model, {
      tokens: tensor(device, ids, shape, "i32"),
      positions: tensor(
        device,
        Int32Array.from(ids, (_, i) => i % shape[1]),
        [ids.length],
        "i32",
      ),
      documents: tensor(device, new Int32Array(ids.length), shape, "i32"),
    }),
  );
  const actual = await logits.read();
  assert.equal(actual.length, expected.length);
  let difference = 0;
  let largest = 0;
  for (const [i, value] of expected.entries()) {
    difference = Math.max(difference, Math.abs(actual[i] - value));
    largest = Math.max(largest, Math.abs(value));
  }
  return difference / largest;
}

/** Half-split rotation pairs (i, i + half); it equals the interleaved one on weights whose rotary rows are reordered. */
async function permuteRopeRows(weights: ReturnType<typeof createModel>["weights"], config: K2Config): Promise<void> {
  const { qkNopeHeadDim: nope, qkRopeHeadDim: rope, numAttentionHeads: heads, kvLoraRank } = config;
  for (const { tensor: weight, name } of namedWeights(weights)) {
    const isQuery = /\.(q_b_proj|q_proj)\./.test(name);
    if (!isQuery && !name.includes("kv_a_proj_with_mqa")) continue;
    const values = await weight.read();
    const permuted = values.slice();
    const columns = weight.shape[1];
    for (let h = 0; h < (isQuery ? heads : 1); h++) {
      const first = isQuery ? h * (nope + rope) + nope : kvLoraRank;
      for (let i = 0; i < rope; i++) {
        const from = first + (i % 2) * (rope / 2) + Math.floor(i / 2);
        permuted.set(values.subarray(from * columns, (from + 1) * columns), (first + i) * columns);
      }
    }
    weight.write(permuted);
  }
}

for (const variant of variants) {
  for (const name of ["reference", "wasm", "cuda"]) {
    const skip = name === "cuda" && skipWithoutGpu();
    test(`${variant}: logits equal those of transformers (${name})`, { skip }, async () => {
      const device = await openDevice(name, name === "cuda" ? { precision: "f32" } : { threads: 2 });
      const value = await deviation(variant, device);
      assert.ok(value <= 1e-4, `max|Δ| is ${value} of max|logit|`);
      await device.close();
    });
  }
}

test("a half-split rotation would be noticed", async () => {
  for (const variant of variants) {
    assert.ok((await deviation(variant, createDevice(openReferenceBackend()), { halfSplitRope: true })) > 1e-2);
  }
});

test("a softmax scale without mscale² would be noticed", async () => {
  const config = (given: K2Config): K2Config => ({
    ...given,
    ropeScaling: given.ropeScaling && { ...given.ropeScaling, mscale: 0, mscaleAllDim: 0 },
  });
  for (const variant of variants.filter((name) => name.endsWith("yarn"))) {
    assert.ok((await deviation(variant, createDevice(openReferenceBackend()), { config })) > 1e-2);
  }
});

test("positions beyond the original length without YaRN would be noticed", async () => {
  const config = (given: K2Config): K2Config => ({ ...given, ropeScaling: null });
  assert.ok((await deviation("q-lora-yarn", createDevice(openReferenceBackend()), { config })) > 1e-2);
});

test("a selection bias that leaks into the weights would be noticed", async () => {
  for (const variant of variants)
    assert.ok((await deviation(variant, createDevice(biasInsideWeights(openReferenceBackend())))) > 1e-2);
});

/** A backend whose router takes its weights from score + bias. */
function biasInsideWeights(backend: Backend): Backend {
  const enqueue = backend.enqueue.bind(backend);
  return {
    ...backend,
    enqueue(kernel, args) {
      enqueue(kernel, args);
      if (kernel !== "routeForward") return;
      const { scores, bias, indices, weights, rows, experts, k, scaling } = args as never as Record<
        "scores" | "bias" | "indices" | "weights",
        never
      > &
        Record<"rows" | "experts" | "k" | "scaling", number>;
      const biased = backend.alloc(rows * experts * 4, "biased scores");
      const sums = backend.alloc(rows * 4, "sums");
      enqueue("binary", {
        a: scores,
        b: bias,
        y: biased,
        rows,
        columns: experts,
        aRow: experts,
        aColumn: 1,
        bRow: 0,
        bColumn: 1,
        op: binaryOps.indexOf("add"),
      });
      enqueue("gatherColumns", { x: biased, index: indices, y: weights, rows, columns: experts, k });
      enqueue("reduce", {
        x: weights,
        y: sums,
        outer: rows,
        axis: k,
        inner: 1,
        op: reduceOps.indexOf("sum"),
        accumulate: 0,
      });
      enqueue("binary", {
        a: weights,
        b: sums,
        y: weights,
        rows,
        columns: k,
        aRow: k,
        aColumn: 1,
        bRow: 1,
        bColumn: 0,
        op: binaryOps.indexOf("div"),
      });
      enqueue("axpby", { x: weights, y: weights, n: rows * k, alpha: scaling, beta: 0 });
    },
  };
}
