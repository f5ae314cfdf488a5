/**
 * Tokens per second of generation with k2-nano, beside the bound that reading the weights sets. `--threads N`; `--precision fp8`: weights in
 * e4m3; `--preset NAME`: another model; `--layers N`: so many of its layers.
 * `--device cuda`: of Moonlight's shape on a GPU (parts/decode-cuda.ts).
 */
import { parseArgs } from "node:util";
import { type BatchRow, createModel, initializeWeights, PagedModel, type PresetName, preset } from "@baltoro/k2";
import { type Device, openDevice, persistent } from "@baltoro/tensor";
import { type BenchOptions, type BenchResult, figure, median, textTable } from "./harness.ts";
import { tokenBytes } from "./parts/weight-bytes.ts";

const context = 128;
const steps = 128;

/** Milliseconds of reading a working set of so many bytes, again and again, with the device's own threads: several rounds. */
async function readTimes(device: Device, bytes: number): Promise<number[]> {
  const n = Math.floor(bytes / 4);
  const x = persistent(device, [n], "f32", "working set");
  const partials = persistent(device, [256], "f32", "partial sums");
  const y = persistent(device, [1], "f32", "sum of squares");
  x.write(new Float32Array(n).fill(1));
  const times: number[] = [];
  const repeats = 20;
  for (let round = 0; round < 9; round++) {
    const start = performance.now();
    for (let i = 0; i < repeats; i++) {
      device.backend.enqueue("sumSquares", { x: x.buffer, partials: partials.buffer, y: y.buffer, n, accumulate: 0 });
    }
    await y.read();
    if (round > 0) times.push((performance.now() - start) / repeats);
  }
  for (const tensor of [x, partials, y]) tensor.release();
  return times;
}

/** Tokens per second of a batch that grows from `context` tokens on, sampling left out: the median step. */
async function decodeSpeed(paged: PagedModel, batch: number): Promise<number> {
  const blocksEach = Math.ceil((context + steps) / paged.blockSize);
  for (let i = 0; i < batch; i++) {
    const blocks = Array.from({ length: blocksEach }, (_, block) => 1 + i * blocksEach + block);
    paged.setBlockTable(i, blocks);
  }
  const rowsAt = (position: number): BatchRow[] =>
    Array.from({ length: batch }, (_, i) => ({ token: (position * 31 + i * 7) % 3840, position, sequence: i }));
  const wanted = Array.from({ length: batch }, (_, i) => i);
  for (let position = 0; position < context; position++) await paged.run(rowsAt(position), wanted);
  const times: number[] = [];
  for (let position = context; position < context + steps; position++) {
    const start = performance.now();
    await paged.run(rowsAt(position), wanted);
    times.push(performance.now() - start);
  }
  return (batch * 1000) / median(times);
}

export async function run({ args }: BenchOptions): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      threads: { type: "string" },
      precision: { type: "string" },
      preset: { type: "string" },
      layers: { type: "string" },
    },
  });
  const device = await openDevice("wasm", values.threads ? { threads: Number(values.threads) } : {});
  const { precision = "f32", preset: name = "k2-nano" } = values;
  if (precision !== "f32" && precision !== "fp8") throw new Error(`--precision is ${precision}, expected f32 or fp8`);
  const whole = preset(name as PresetName);
  const config = values.layers ? { ...whole, numHiddenLayers: Number(values.layers) } : whole;
  const model = createModel(device, config, { matrices: precision === "fp8" ? "fp8e4m3" : "f32" });
  initializeWeights(model, { seed: 1 });
  const blocks = 1 + 16 * Math.ceil((context + steps) / 16);
  const paged = new PagedModel(model, { blocks, blockSize: 16, maxSequences: 16 });
  const activeBytes = tokenBytes(model);
  // Before and after: where neighbours share the memory, its speed is that of the minute.
  const before = await readTimes(device, activeBytes);
  const one = await decodeSpeed(paged, 1);
  const bound = 1000 / median([...before, ...(await readTimes(device, activeBytes))]);
  const bandwidth = bound * activeBytes;
  const sixteen = await decodeSpeed(paged, 16);
  const { threads, matmul } = device.description;
  const { allocatedBytes } = device.backend.stats();
  paged[Symbol.dispose]();
  await device.close();
  return {
    figures: {
      threads,
      matmul,
      precision,
      context,
      activeBytes,
      allocatedBytes,
      bandwidth,
      bound,
      batch1: one,
      batch16: sixteen,
    },
    // The target is that of f32: from codes, decoding is bound by turning them into numbers.
    checks: precision === "f32" ? [{ name: "decodeVsBound", value: one / bound, atLeast: 0.6 }] : [],
    lines: [
      `${name}, ${config.numHiddenLayers} layers, ${precision}, ${threads} threads, from ${context} tokens of context on; ${figure(allocatedBytes / 1e6)} MB allocated`,
      ...textTable(
        ["", "tokens/s"],
        [
          ["batch 1", figure(one)],
          ["batch 16", figure(sixteen)],
          [
            `bound: ${figure(activeBytes / 1e6)} MB of active weights at ${figure(bandwidth / 1e9)} GB/s`,
            figure(bound),
          ],
        ],
      ),
    ],
  };
}
