/**
 * `bench decode --device cuda`: tokens/s of decoding on a GPU at the shape of Moonlight-16B-A3B (16B parameters, random bf16 weights made
 * on the device) and of k2-mini. The bound at batch 1 is the bytes that a token must read, weights touched and latents, over the speed at
 * which this card copies. `--shape moonlight|mini`, `--layers N`, `--context N` (several), `--batch N` (several), `--precision fp8`: weights
 * in e4m3.
 */
import { parseArgs } from "node:util";
import { type BatchRow, createModel, type K2Config, PagedModel, preset } from "@baltoro/k2";
import { type CudaBackend, createDevice, openCudaBackend } from "@baltoro/tensor";
import { type BenchOptions, type BenchResult, type Check, figure, median, textTable } from "../harness.ts";
import { drawWeights } from "./random-weights.ts";
import { tokenBytes } from "./weight-bytes.ts";

const mini = preset("k2-mini");
/** moonshotai/Moonlight-16B-A3B, config.json. */
const moonlight: K2Config = {
  ...mini,
  vocabSize: 163840,
  bosTokenId: 163584,
  eosTokenId: 163585,
  hiddenSize: 2048,
  numHiddenLayers: 27,
  firstKDenseReplace: 1,
  intermediateSize: 11264,
  moeIntermediateSize: 1408,
  nRoutedExperts: 64,
  numExpertsPerTok: 6,
  nSharedExperts: 2,
  numAttentionHeads: 16,
  qLoraRank: null,
  kvLoraRank: 512,
  qkNopeHeadDim: 128,
  qkRopeHeadDim: 64,
  vHeadDim: 128,
  routedScalingFactor: 2.446,
  maxPositionEmbeddings: 32768,
};
const shapes: Readonly<Record<string, K2Config>> = { moonlight, mini: { ...mini, maxPositionEmbeddings: 32768 } };
const steps = 24;

/** Bytes per second of copying within the card's memory, read and written bytes counted. */
async function copySpeed(backend: CudaBackend): Promise<number> {
  const bytes = 1 << 30;
  const [x, y] = [backend.alloc(bytes, "x"), backend.alloc(bytes, "y")];
  backend.enqueue("fill", { y: x, n: bytes / 4, value: 1 });
  const copy = () => backend.copy(x, y, bytes);
  const times: number[] = [];
  for (let i = 0; i < 10; i++) times.push(await backend.time(copy));
  backend.free(x);
  backend.free(y);
  return (2 * bytes * 1000) / median(times.slice(2));
}

async function measure(
  name: string,
  config: K2Config,
  contexts: readonly number[],
  batches: readonly number[],
  matrices: "bf16" | "fp8e4m3",
) {
  const backend = await openCudaBackend({ precision: "bf16" });
  const device = createDevice(backend);
  const speed = await copySpeed(backend);
  const model = createModel(device, config, { matrices });
  drawWeights(model);
  const bytes = tokenBytes(model);
  const results: { context: number; batch: number; tokensPerSecond: number; vsBound: number }[] = [];
  const latentBytes = 2 * config.numHiddenLayers * (config.kvLoraRank + config.qkRopeHeadDim);
  for (const context of contexts) {
    for (const batch of batches) {
      const each = Math.ceil((context + steps + 1) / 64);
      if (each * 64 * batch * latentBytes > 24e9) continue;
      const paged = new PagedModel(model, {
        blocks: 1 + each * batch,
        blockSize: 64,
        maxSequences: batch,
        maxContext: each * 64,
      });
      for (let i = 0; i < batch; i++) {
        paged.setBlockTable(
          i,
          Array.from({ length: each }, (_, block) => 1 + i * each + block),
        );
      }
      const wanted = Array.from({ length: batch }, (_, i) => i);
      const rowsAt = (position: number): BatchRow[] =>
        wanted.map((i) => ({ token: (position * 31 + i * 977) % 30000, position, sequence: i }));
      // The cache holds zeros where nothing was decoded: what is read, and how much, is the same.
      for (let position = context; position < context + 4; position++) await paged.run(rowsAt(position), wanted);
      const times: number[] = [];
      for (let position = context + 4; position < context + steps; position++) {
        const start = performance.now();
        await paged.run(rowsAt(position), wanted);
        times.push(performance.now() - start);
      }
      const tokensPerSecond = (batch * 1000) / median(times);
      // Of a batch the experts differ: the bound is that of batch 1 only.
      const bound = speed / (bytes + context * latentBytes);
      results.push({ context, batch, tokensPerSecond, vsBound: batch === 1 ? tokensPerSecond / bound : Number.NaN });
      paged[Symbol.dispose]();
    }
  }
  const { fp8Products } = backend;
  const gpu = backend.gpu.name;
  const allocated = backend.stats().allocatedBytes;
  await device.close();
  return { name, gpu, matrices, speed, activeBytes: bytes, allocated, fp8Products, results };
}

export async function run({ args }: BenchOptions): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      device: { type: "string" },
      shape: { type: "string", multiple: true },
      layers: { type: "string" },
      context: { type: "string", multiple: true },
      batch: { type: "string", multiple: true },
      precision: { type: "string" },
    },
  });
  const { precision = "bf16" } = values;
  if (precision !== "bf16" && precision !== "fp8") throw new Error(`--precision is ${precision}, expected bf16 or fp8`);
  const contexts = (values.context ?? ["1024", "16384"]).map(Number);
  const batches = (values.batch ?? ["1", "8", "64", "256"]).map(Number);
  const measured = [];
  for (const name of values.shape ?? Object.keys(shapes)) {
    const shape = shapes[name];
    if (!shape) throw new Error(`unknown shape ${name}: there are ${Object.keys(shapes).join(", ")}`);
    const config = values.layers ? { ...shape, numHiddenLayers: Number(values.layers) } : shape;
    measured.push(await measure(name, config, contexts, batches, precision === "fp8" ? "fp8e4m3" : "bf16"));
  }
  const checks: Check[] = measured
    .filter(({ name }) => name === "moonlight")
    .map(({ results }) => ({
      name: "decodeVsBound",
      value: results.find(({ context, batch }) => context === 1024 && batch === 1)?.vsBound ?? Number.NaN,
      atLeast: 0.7,
    }));
  const lines = measured.flatMap(
    ({ name, gpu, matrices, speed, activeBytes: bytes, allocated, fp8Products, results }) => [
      `${name} on ${gpu}, weights in ${matrices}: ${figure(bytes / 1e9)} GB of them a token, ${figure(allocated / 1e9)} GB allocated; copies at ${figure(speed / 1e12)} TB/s`,
      ...(matrices === "fp8e4m3"
        ? [
            `dense products of many rows that were captured: ${fp8Products.quantized} by cuBLASLt in e4m3, ${fp8Products.dequantized} with weights dequantized`,
            ...fp8Products.refusals,
          ]
        : []),
      ...textTable(
        ["context", "batch", "tokens/s", "of the bound"],
        results.map(({ context, batch, tokensPerSecond, vsBound }) => [
          String(context),
          String(batch),
          figure(tokensPerSecond),
          Number.isFinite(vsBound) ? vsBound.toFixed(2) : "",
        ]),
      ),
      "",
    ],
  );
  return { figures: { measured }, checks, lines };
}
