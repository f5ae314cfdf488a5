/**
 * Logits of a checkpoint by Baltoro, for bench/peers/checkpoint.py to compare with those of transformers: input_ids I32 [B, S] and
 * logits F32 [B · S, V] of random tokens.
 *
 *     npx node bench/peers/checkpoint-logits.ts CHECKPOINT OUT.safetensors [--rows N] [--length N] [--device NAME]
 */
import { parseArgs } from "node:util";
import { forwardLogits, openCheckpoint } from "@baltoro/k2";
import { philox4x32, scope, tensor, writeSafetensors } from "@baltoro/tensor";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rows: { type: "string", default: "2" },
    length: { type: "string", default: "64" },
    device: { type: "string", default: "auto" },
  },
});
const [checkpoint, out] = positionals;
if (!checkpoint || !out) throw new Error("usage: checkpoint-logits.ts CHECKPOINT OUT.safetensors");
const [rows, length] = [Number(values.rows), Number(values.length)];

const { device, model } = await openCheckpoint(checkpoint, {
  device: values.device,
  ...(values.device === "cuda" ? { precision: "f32" } : {}),
});
const { vocabSize } = model.config;
const ids = Int32Array.from({ length: rows * length }, (_, i) => philox4x32(1, 0, i, 0, 0, 0)[0] % vocabSize);
const ints = (data: Int32Array, shape: number[]) => tensor(device, data, shape, "i32");
const logits = await scope(device, () =>
  forwardLogits(model, {
    tokens: ints(ids, [rows, length]),
    positions: ints(
      ids.map((_, i) => i % length),
      [ids.length],
    ),
    documents: ints(new Int32Array(ids.length), [rows, length]),
  }),
).read();
await device.close();
await writeSafetensors(out, [
  {
    name: "input_ids",
    dtype: "I32",
    shape: [rows, length],
    async *pieces() {
      yield new Uint8Array(ids.buffer);
    },
  },
  { name: "logits", dtype: "F32", shape: [ids.length, vocabSize], values: () => Float32Array.from(logits) },
]);
console.log(`${out}: ${ids.length} × ${vocabSize} logits`);
