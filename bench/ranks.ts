/** What ranks cost: a step of k2-nano on one rank with N threads, beside N ranks with one. `--ranks N`, `--steps N`, `--repeats N`. */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runThreadRanks, startLocalRanks } from "@baltoro/training";
import { type BenchOptions, type BenchResult, figure, median, textTable } from "./harness.ts";
import { type RankSteps, type RankStepsTask, sequenceLength, sequences, timeRankSteps } from "./parts/rank-steps.ts";

const module = new URL("./parts/rank-steps.ts", import.meta.url);

async function threadRanks(size: number, task: RankStepsTask): Promise<RankSteps> {
  const [first] = await runThreadRanks({ size, module, data: task });
  if (first.status === "rejected") throw first.reason;
  return first.value as RankSteps;
}

async function processRanks(size: number, task: RankStepsTask): Promise<RankSteps> {
  const command = [process.execPath, fileURLToPath(module), JSON.stringify(task)] as const;
  const ranks = startLocalRanks({ size, command, output: "pipe" });
  for (const { stderr } of ranks.processes) stderr?.pipe(process.stderr);
  let text = "";
  for (const [rank, { stdout }] of ranks.processes.entries())
    stdout?.on("data", (chunk) => {
      if (rank === 0) text += String(chunk);
    });
  const failed = (await ranks.exits).find(({ code }) => code !== 0);
  if (failed) throw new Error(`rank ${failed.rank} ended with ${failed.code ?? failed.signal}`);
  return JSON.parse(text) as RankSteps;
}

export async function run({ args }: BenchOptions): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: { ranks: { type: "string" }, steps: { type: "string" }, repeats: { type: "string" } },
  });
  const size = Number(values.ranks ?? 2);
  const steps = Number(values.steps ?? 8);
  const repeats = Number(values.repeats ?? 3);
  const kinds: Record<string, () => Promise<RankSteps>> = {
    [`1 rank × ${size} threads`]: () => timeRankSteps({ threads: size, steps }, { rank: 0, size: 1 }, null),
    [`${size} threads as ranks × 1 thread`]: () => threadRanks(size, { threads: 1, steps }),
    [`${size} processes as ranks × 1 thread`]: () => processRanks(size, { threads: 1, steps }),
  };
  // In turns, so that neighbours on the machine disturb all alike.
  const measured: Record<string, RankSteps[]> = {};
  for (let i = 0; i < repeats; i++)
    for (const [name, measure] of Object.entries(kinds)) {
      measured[name] ??= [];
      measured[name].push(await measure());
    }
  const figures = Object.fromEntries(
    Object.entries(measured).map(([name, runs]) => {
      const times = runs.flatMap((one) => one.steps);
      const best = Math.min(...times);
      return [
        name,
        {
          best,
          median: median(times),
          tokensPerSecond: (1000 * sequences * sequenceLength) / best,
          collectives: Math.min(...runs.flatMap((one) => one.collectives)),
          loss: runs[0].loss,
        },
      ] as const;
    }),
  );
  const [[, alone]] = Object.entries(figures);
  return {
    figures: { size, steps, repeats, ...figures },
    checks: [],
    lines: [
      `k2-nano, ${sequences} sequences of ${sequenceLength} tokens a step`,
      ...textTable(
        ["", "tokens/s", "best ms", "median ms", "of one rank", "collectives, best ms", "loss"],
        Object.entries(figures).map(([name, { best, median: middle, tokensPerSecond, collectives, loss }]) => [
          name,
          figure(tokensPerSecond),
          figure(best),
          figure(middle),
          `${(best / alone.best).toFixed(3)} ×`,
          figure(collectives),
          loss.toFixed(6),
        ]),
      ),
    ],
  };
}
