/**
 * Products with weights in e4m3 beside bf16 (f32 on a CPU), by the clock: few rows and many, dense and as experts' rows, and how far the results
 * are from each other. `node bench/parts/fp8-products.ts [--device cuda|wasm] [N K]`, by default one of K2's projections,
 * [7168, 4096], and Moonlight's experts, 64 of [1408, 2048] and six of them a token.
 */
import { parseArgs } from "node:util";
import {
  type CudaBackend,
  type Device,
  empty,
  groupedMatmul,
  linear,
  noGrad,
  normal,
  openDevice,
  persistent,
  quantizeInto,
  scope,
  type Tensor,
} from "@baltoro/tensor";
import { figure, textTable } from "../harness.ts";

/** Weights that take turns, so that none is in the cache when it is its turn again. */
const sets = 4;

interface Work {
  readonly rows: number;
  readonly weights: { readonly plain: readonly Tensor[]; readonly quantized: readonly Tensor[] };
  /** Weights that one product reads. */
  readonly elements: number;
  readonly flops: number;
  multiply(weight: Tensor): Tensor;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { device: { type: "string", default: "cuda" } },
});
const [n = 7168, k = 4096] = positionals.map(Number);
const device = await openDevice(values.device);
const { activations } = device.backend;

/** Seconds of a product, the least of ten rounds, and the last one's values. */
async function measure({ multiply, flops }: Work, weights: readonly Tensor[]): Promise<[number, ArrayLike<number>]> {
  const repeats = sets * Math.max(1, Math.round(2e10 / flops / sets / (device.description.kind === "wasm" ? 10 : 1)));
  const [shape, dtype] = scope(device, () =>
    noGrad(device, () => [[...multiply(weights[0]).shape], activations] as const),
  );
  const last = persistent(device, shape, dtype, "last product");
  const graph = device.backend.capture(() =>
    scope(device, () =>
      noGrad(device, () => {
        for (let i = 0; i < repeats; i++) {
          const product = multiply(weights[i % sets]);
          if (i + 1 === repeats) {
            device.backend.enqueue("axpby", { x: product.buffer, y: last.buffer, n: last.size, alpha: 1, beta: 0 });
          }
        }
      }),
    ),
  );
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 10; round++) {
    const start = performance.now();
    device.backend.launch(graph);
    await last.read();
    least = Math.min(least, (performance.now() - start) / 1000 / repeats);
  }
  const result = await last.read();
  last.release();
  return [least, result];
}

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [error, size] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    error += (a[i] - b[i]) ** 2;
    size += b[i] ** 2;
  }
  return Math.sqrt(error / size);
}

function make(on: Device, shape: readonly number[]) {
  const data = normal(
    1,
    0,
    shape.slice(-2).reduce((product, axis) => product * axis, 1),
    0.02,
  );
  const all = new Float32Array(shape.reduce((product, axis) => product * axis, 1));
  for (let at = 0; at < all.length; at += data.length) all.set(data, at);
  const plain = Array.from({ length: sets }, () => {
    const weight = empty(on, shape, activations, "weight");
    weight.write(all);
    return weight;
  });
  const quantized = plain.map(() => {
    const weight = empty(on, shape, "fp8e4m3", "weight");
    quantizeInto(weight, all);
    return weight;
  });
  return { plain, quantized };
}

function activationsOf(rows: number, columns: number): Tensor {
  const x = empty(device, [rows, columns], activations, "x");
  x.write(normal(2, rows, rows * columns));
  return x;
}

function denseWork(weights: Work["weights"], rows: number): Work {
  const x = activationsOf(rows, k);
  return { rows, weights, elements: n * k, flops: 2 * rows * n * k, multiply: (weight) => linear(x, weight) };
}

function expertsWork(weights: Work["weights"], rows: number): Work {
  const [experts, inner, columns] = weights.plain[0].shape;
  const x = activationsOf(rows, columns);
  const offsets = empty(device, [experts + 1], "i32", "offsets");
  offsets.write(Int32Array.from({ length: experts + 1 }, (_, e) => Math.floor((e * rows) / experts)));
  const elements = Math.min(rows, experts) * inner * columns;
  const flops = 2 * rows * inner * columns;
  return { rows, weights, elements, flops, multiply: (weight) => groupedMatmul(x, weight, offsets) };
}

const small = device.description.kind === "wasm";
const dense = make(device, [n, k]);
const experts = make(device, small ? [16, 176, 256] : [64, 1408, 2048]);
for (const [title, works] of [
  [`[${n}, ${k}]`, (small ? [1, 4, 64] : [1, 2, 4, 8, 16, 64, 256, 1024, 4096]).map((rows) => denseWork(dense, rows))],
  [
    `experts ${experts.plain[0].shape.join(" × ")}`,
    (small ? [6, 96] : [6, 48, 96, 384, 1536, 12288]).map((rows) => expertsWork(experts, rows)),
  ],
] as const) {
  const table: string[][] = [];
  for (const work of works) {
    const [plain, expected] = await measure(work, work.weights.plain);
    const [quantized, actual] = await measure(work, work.weights.quantized);
    const bytes = device.backend.bytesPerElement[activations];
    table.push([
      String(work.rows),
      ...[plain, quantized].map((seconds) => figure(seconds * 1e6)),
      ...[(work.elements * bytes) / plain, work.elements / quantized].map((speed) => figure(speed / 1e9)),
      ...[plain, quantized].map((seconds) => figure(work.flops / seconds / 1e12)),
      `${(plain / quantized).toFixed(2)}×`,
      distance(actual, expected).toFixed(4),
    ]);
  }
  const columns = [`µs ${activations}`, "µs fp8", "GB/s", "GB/s fp8", "TFLOP/s", "TFLOP/s fp8", "faster", "apart"];
  console.log([`${title} on ${device.description.matmul}`, ...textTable(["rows", ...columns], table), ""].join("\n"));
}
const counts = (device.backend as Partial<CudaBackend>).fp8Products;
if (counts) {
  console.log(
    `captured: ${counts.quantized} products by cuBLASLt in e4m3, ${counts.dequantized} with weights dequantized`,
  );
  for (const refusal of counts.refusals) console.log(refusal);
}
await device.close();
