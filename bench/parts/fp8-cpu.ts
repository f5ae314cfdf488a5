/**
 * Processor time of products on one thread of the WASM device, weights in f32 and in e4m3: what neighbours do to the clock on the wall does not
 * count. Six matrices take turns, 48 MiB in e4m3 at the default size. `node bench/parts/fp8-cpu.ts [N K]`.
 */
import {
  createDevice,
  empty,
  linear,
  noGrad,
  normal,
  openWasmBackend,
  quantizeInto,
  scope,
  type Tensor,
  tensor,
} from "@baltoro/tensor";
import { textTable } from "../harness.ts";

const [n = 2048, k = 4096] = process.argv.slice(2).map(Number);
const matrices = 6;
const repeats = Math.max(1, Math.round(2 ** 25 / (n * k)));
const device = createDevice(await openWasmBackend({ threads: 1 }));
const values = normal(1, 0, n * k, 0.02);
const plain = Array.from({ length: matrices }, () => tensor(device, values, [n, k]));
const quantized = plain.map(() => {
  const weight = empty(device, [n, k], "fp8e4m3", "weight");
  quantizeInto(weight, values);
  return weight;
});

/** Milliseconds of a product, the least of eight rounds. */
async function measure(x: Tensor, weights: readonly Tensor[]): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 8; round++) {
    const start = process.cpuUsage();
    for (let i = 0; i < repeats; i++) {
      const outputs = scope(device, () => noGrad(device, () => weights.map((weight) => linear(x, weight))));
      await outputs[matrices - 1].read();
      for (const output of outputs) output.release();
    }
    const { user, system } = process.cpuUsage(start);
    least = Math.min(least, (user + system) / 1000 / matrices / repeats);
  }
  return least;
}

const rows: string[][] = [];
for (const m of [1, 4, 64]) {
  const x = tensor(device, normal(2, 0, m * k), [m, k]);
  const [f32, fp8] = [await measure(x, plain), await measure(x, quantized)];
  rows.push([String(m), f32.toFixed(3), fp8.toFixed(3), `${(f32 / fp8).toFixed(2)}×`]);
}
console.log(textTable([`rows · [${n}, ${k}]`, "f32 ms", "e4m3 ms", "faster"], rows).join("\n"));
await device.close();
