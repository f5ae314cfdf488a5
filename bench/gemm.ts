/** f32 matrix products, `--device cuda` bf16 on a GPU (parts/gemm-cuda.ts): WASM on one and all threads, a BLAS through the device, OpenBLAS called directly. */
import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { findOpenBlas } from "@baltoro/tensor";
import { type BenchOptions, type BenchResult, type Check, figure, textTable } from "./harness.ts";

const sizes = [128, 256, 512, 1024, 2048];
const rounds = 3;

interface Contender {
  readonly kind: "wasm" | "direct";
  readonly threads: number;
  readonly env: Readonly<Record<string, string>>;
}

function time({ kind, threads, env }: Contender): { name: string; gflops: Record<string, number> } {
  const script = join(import.meta.dirname, "parts/gemm-timing.ts");
  const output = execFileSync(process.execPath, [script, kind, String(threads), sizes.join()], {
    encoding: "utf8",
    env: { ...process.env, BALTORO_BLAS: "0", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  return JSON.parse(output.trim().split("\n").at(-1) as string) as { name: string; gflops: Record<string, number> };
}

export async function run(_: BenchOptions): Promise<BenchResult> {
  const blas = findOpenBlas();
  // Held to AVX2, which is what WebAssembly's vectors can be turned into.
  const haswell = { OPENBLAS_CORETYPE: "Haswell", BALTORO_BLAS: blas ?? "" };
  const contenders: Record<string, Contender> = {
    wasm: { kind: "wasm", threads: 1, env: {} },
    "wasm, 2 threads": { kind: "wasm", threads: 2, env: {} },
    "wasm, not revectorized": { kind: "wasm", threads: 1, env: { BALTORO_REVEC: "0" } },
    ...(blas && {
      "BLAS through the device": { kind: "wasm", threads: 1, env: haswell },
      "OpenBLAS directly": { kind: "direct", threads: 1, env: haswell },
      "OpenBLAS directly, 2 threads": { kind: "direct", threads: 2, env: haswell },
    }),
  };
  const all = availableParallelism();
  if (all > 2) contenders[`wasm, ${all} threads`] = { kind: "wasm", threads: all, env: {} };
  const gflops: Record<string, Record<string, number>> = {};
  const names: Record<string, string> = {};
  // Interleaved, and the best of all rounds: a neighbour's load then hits everyone alike.
  for (let round = 0; round < rounds; round++) {
    for (const [title, contender] of Object.entries(contenders)) {
      const timed = time(contender);
      names[title] = timed.name;
      gflops[title] ??= {};
      for (const n of sizes) gflops[title][n] = Math.max(gflops[title][n] ?? 0, timed.gflops[n]);
    }
  }
  const least = (title: string, over: string, from: number) =>
    Math.min(...sizes.filter((n) => n >= from).map((n) => gflops[title][n] / gflops[over][n]));
  const checks: Check[] = [{ name: "threadScaling", value: least("wasm, 2 threads", "wasm", 1024), atLeast: 1.8 }];
  if (blas) {
    checks.unshift(
      { name: "wasmVsOpenblasPerCore", value: least("wasm", "OpenBLAS directly", 512), atLeast: 0.85 },
      {
        name: "wasmPlainVsOpenblasPerCore",
        value: least("wasm, not revectorized", "OpenBLAS directly", 512),
        atLeast: 0.5,
      },
    );
    checks.push({
      name: "blasPathVsDirect",
      value: least("BLAS through the device", "OpenBLAS directly", 512),
      atLeast: 0.95,
    });
  }
  const rows = Object.entries(gflops).map(([title, speeds]) => [title, ...sizes.map((n) => figure(speeds[n]))]);
  return {
    figures: { gflops, names },
    checks,
    lines: [
      "f32 GFLOP/s, one thread unless said",
      ...textTable(["", ...sizes.map(String)], rows),
      ...(blas ? [] : ["no OpenBLAS on this machine: nothing to compare with"]),
    ],
  };
}
