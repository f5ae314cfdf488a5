/** Attention of training on a GPU: `bench attention --device cuda` (parts/attention-cuda.ts). There is none of the CPU. */
import type { BenchOptions, BenchResult } from "./harness.ts";

export function run(_: BenchOptions): Promise<BenchResult> {
  throw new Error("bench attention: of GPUs only, give --device cuda");
}
