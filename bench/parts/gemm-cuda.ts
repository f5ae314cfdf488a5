/**
 * `bench gemm --device cuda`: bf16 products of random matrices of 512 … 8192 on a GPU, beside PyTorch in the same session. Both replay a
 * captured graph of several products over rotating operands; medians of the later half of the replays, when the clocks have settled.
 */
import { openCudaBackend } from "@baltoro/tensor";
import { type BenchOptions, type BenchResult, type Check, figure, median, textTable } from "../harness.ts";
import { pythonWithTorch, runPeer } from "../peers/python.ts";

const rounds = 40;
const sizes = [512, 1024, 2048, 4096, 8192];

async function ours(): Promise<{ gpu: string; tflops: Record<number, number> }> {
  const backend = await openCudaBackend({ precision: "bf16" });
  const tflops: Record<number, number> = {};
  const state = backend.alloc(64, "random state", "i32");
  backend.write(state, "i32", [1, 2, 3, 4]);
  for (const n of sizes) {
    const sets = Math.max(2, Math.min(16, Math.floor(2 ** 28 / (2 * n * n))));
    const count = Math.floor(Math.max(sets, Math.min(200, 4e12 / (2 * n ** 3))) / sets) * sets;
    const matrices = (label: string, first: number) =>
      Array.from({ length: sets }, (_, i) => {
        const buffer = backend.alloc(2 * n * n, label, "bf16");
        backend.enqueue("randomUniform", { state, y: buffer, n: n * n, stream: first + i });
        // Around zero, as weights and activations are.
        const half = backend.alloc(64, "half");
        backend.write(half, "f32", [-0.5]);
        backend.enqueue("binary", {
          ...{ a: buffer, b: half, y: buffer, rows: n, columns: n, aRow: n, aColumn: 1, bRow: 0, bColumn: 0, op: 0 },
        });
        backend.free(half);
        return buffer;
      });
    const [a, b, d] = [matrices("a", 0), matrices("b", 100), matrices("d", 200)];
    const multiply = (i: number) =>
      backend.enqueue("gemm", {
        ...{ a: a[i], b: b[i], c: null, bias: null, d: d[i], batch: 1, m: n, n, k: n, lda: n, ldb: n, ldc: n, ldd: n },
        ...{
          strideA: 0,
          strideB: 0,
          strideC: 0,
          strideD: 0,
          transposeA: 0,
          transposeB: 1,
          alpha: 1,
          beta: 0,
          symmetric: 0,
        },
      });
    multiply(0);
    const graph = backend.capture(() => {
      for (let i = 0; i < count; i++) multiply(i % sets);
    });
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) times.push(await backend.time(() => backend.launch(graph)));
    tflops[n] = (2 * n ** 3 * count) / median(times.slice(rounds / 2)) / 1e9;
    for (const buffer of [...a, ...b, ...d]) backend.free(buffer);
  }
  const gpu = backend.gpu.name;
  await backend.close();
  return { gpu, tflops };
}

export async function run(_: BenchOptions): Promise<BenchResult> {
  const { gpu, tflops } = await ours();
  const python = pythonWithTorch();
  const peer = python ? runPeer(python.python, "torch_gemm.py", [sizes.join()]) : null;
  const theirs = peer?.["tflops"] as Record<string, number> | undefined;
  const rows = [["Baltoro, cuBLASLt", ...sizes.map((n) => figure(tflops[n]))]];
  const checks: Check[] = [];
  if (theirs) {
    rows.push([`PyTorch ${python?.torch}`, ...sizes.map((n) => figure(theirs[n]))]);
    checks.push({ name: "gemmVsTorch", value: Math.min(...sizes.map((n) => tflops[n] / theirs[n])), atLeast: 1 });
  }
  return {
    figures: { gpu, tflops, peer },
    checks,
    lines: [`bf16 TFLOP/s on ${gpu}, random data`, ...textTable(["", ...sizes.map(String)], rows)],
  };
}
