/**
 * Times square f32 products in a process of its own, since V8's flags and OpenBLAS's kernels are chosen once per process:
 * `node gemm-timing.ts direct|wasm THREADS SIZES`. Prints GFLOP/s by size, the best of several rounds.
 */
import { createRequire } from "node:module";
import { findOpenBlas, openDevice, persistent } from "@baltoro/tensor";

type Multiply = (count: number) => Promise<void>;

const [kind, threads, sizes] = [process.argv[2], Number(process.argv[3]), process.argv[4].split(",").map(Number)];

/** Values in [−1, 1) from a fixed sequence: zeros or repeated values would be no fair load. */
function values(n: number): Float32Array {
  let state = 1;
  return Float32Array.from({ length: n * n }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  });
}

async function measure(n: number, multiply: Multiply): Promise<number> {
  const flops = 2 * n ** 3;
  // About 60 ms a round, so that waking the threads and reading the clock do not count.
  const count = Math.max(1, Math.round(6e9 / flops));
  await multiply(count);
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    const start = performance.now();
    await multiply(count);
    best = Math.min(best, performance.now() - start);
  }
  return (flops * count) / best / 1e6;
}

async function throughDevice(): Promise<Record<string, number>> {
  const device = await openDevice("wasm", { threads });
  const result: Record<string, number> = {};
  for (const n of sizes) {
    const [a, b, d] = ["a", "b", "d"].map((label) => persistent(device, [n, n], "f32", label));
    a.write(values(n));
    b.write(values(n));
    result[n] = await measure(n, async (count) => {
      for (let i = 0; i < count; i++) {
        device.backend.enqueue("gemm", {
          ...{ a: a.buffer, b: b.buffer, c: null, bias: null, d: d.buffer, batch: 1, m: n, n, k: n },
          ...{ lda: n, ldb: n, ldc: n, ldd: n, strideA: 0, strideB: 0, strideC: 0, strideD: 0 },
          ...{ transposeA: 0, transposeB: 0, alpha: 1, beta: 0, symmetric: 0 },
        });
      }
      await d.read();
    });
    for (const tensor of [a, b, d]) tensor.release();
  }
  console.log(JSON.stringify({ name: device.description.matmul, gflops: result }));
  await device.close();
  return result;
}

async function direct(): Promise<void> {
  const path = process.env["BALTORO_BLAS"] || findOpenBlas();
  if (!path) throw new Error("no OpenBLAS");
  const library = (createRequire(import.meta.url)("koffi") as typeof import("koffi")).load(path);
  library.func("void openblas_set_num_threads(int n)")(threads);
  const gemm = library.func(
    "void cblas_sgemm(int order, int ta, int tb, int m, int n, int k, float alpha, float *a, int lda, float *b, int ldb, float beta, float *c, int ldc)",
  );
  const result: Record<string, number> = {};
  for (const n of sizes) {
    const [a, b, c] = [values(n), values(n), new Float32Array(n * n)];
    result[n] = await measure(n, async (count) => {
      for (let i = 0; i < count; i++) gemm(101, 111, 111, n, n, n, 1, a, n, b, n, 0, c, n);
    });
  }
  console.log(JSON.stringify({ name: library.func("const char *openblas_get_config()")(), gflops: result }));
}

if (kind === "direct") await direct();
else await throughDevice();
