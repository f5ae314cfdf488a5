/**
 * `bench ranks --device cuda`: tokens/s of a MuonClip step on one GPU and on several of this machine, over NCCL; each GPU has as many
 * sequences as the one alone. Efficiency is the several GPUs' tokens/s over N times the one's. `--ranks N` (repeatable; default all GPUs),
 * `--shape mini|dense`, `--steps N`, `--batch N` (of each GPU), `--sequence N`, `--repeats N`, `--expert-parallel`, `--enqueued` (no capture).
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { countGpus } from "@baltoro/tensor";
import { startLocalRanks } from "@baltoro/training";
import { type BenchOptions, type BenchResult, figure, textTable } from "../harness.ts";
import type { RankStepsCuda, RankStepsCudaTask } from "./rank-steps-cuda.ts";
import { shapes } from "./train-cuda.ts";

const program = fileURLToPath(new URL("./rank-steps-cuda.ts", import.meta.url));

/** Runs the program on so many GPUs; what rank 0 measured. */
async function measure(size: number, task: RankStepsCudaTask): Promise<RankStepsCuda> {
  const command = [process.execPath, program, JSON.stringify(task)] as const;
  const ranks = startLocalRanks({ size, command, output: "pipe" });
  let text = "";
  for (const [rank, { stdout, stderr }] of ranks.processes.entries()) {
    stderr?.pipe(process.stderr);
    stdout?.on("data", (chunk) => {
      if (rank === 0) text += String(chunk);
    });
  }
  const failed = (await ranks.exits).find(({ code }) => code !== 0);
  if (failed) throw new Error(`rank ${failed.rank} of ${size} ended with ${failed.code ?? failed.signal}`);
  return JSON.parse(text) as RankStepsCuda;
}

export async function run({ args }: BenchOptions): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      device: { type: "string" },
      ranks: { type: "string", multiple: true },
      shape: { type: "string" },
      steps: { type: "string" },
      batch: { type: "string" },
      sequence: { type: "string" },
      repeats: { type: "string" },
      "expert-parallel": { type: "boolean" },
      enqueued: { type: "boolean" },
    },
  });
  const gpus = countGpus();
  const sizes = [...new Set([1, ...(values.ranks ?? [String(gpus)]).map(Number)])];
  for (const size of sizes) {
    if (!Number.isInteger(size) || size < 1 || size > gpus)
      throw new Error(`--ranks is ${size}, expected a whole number from 1 to ${gpus}, the GPUs that the driver shows`);
  }
  const shape = values.shape ?? "mini";
  if (!shapes[shape]) throw new Error(`unknown shape ${shape}: there are ${Object.keys(shapes).join(", ")}`);
  const task: RankStepsCudaTask = {
    shape,
    batch: Number(values.batch ?? 16),
    sequence: Number(values.sequence ?? 2048),
    steps: Number(values.steps ?? 10),
    expertParallel: values["expert-parallel"] ?? false,
    captured: !values.enqueued,
  };
  const repeats = Number(values.repeats ?? 2);
  const best = new Map<number, RankStepsCuda>();
  for (let i = 0; i < repeats; i++) {
    for (const size of sizes) {
      const measured = await measure(size, task);
      const before = best.get(size);
      if (!before || measured.milliseconds < before.milliseconds) best.set(size, measured);
    }
  }
  const tokensPerSecond = (size: number, { milliseconds }: RankStepsCuda) =>
    (1000 * size * task.batch * task.sequence) / milliseconds;
  const alone = tokensPerSecond(1, best.get(1) as RankStepsCuda);
  const measured = [...best].map(([size, result]) => {
    const rate = tokensPerSecond(size, result);
    return { size, ...result, tokensPerSecond: rate, efficiency: rate / (size * alone) };
  });
  const { gpu } = measured[0];
  return {
    figures: { task, repeats, gpu, measured },
    checks: [],
    lines: [
      `${shape}, ${task.batch} × ${task.sequence} tokens on each ${gpu}${task.expertParallel ? ", experts divided" : ""}${task.captured ? "" : ", enqueued kernel by kernel"}`,
      ...textTable(
        ["GPUs", "tokens/s", "ms", "efficiency", "host ms", "GB a GPU", "loss"],
        measured.map((one) => [
          String(one.size),
          figure(one.tokensPerSecond),
          figure(one.milliseconds),
          one.efficiency.toFixed(3),
          figure(one.hostMilliseconds),
          figure(one.memoryGb),
          one.loss.toFixed(4),
        ]),
      ),
    ],
  };
}
