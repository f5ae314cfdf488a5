/** Runs ranks/steps.ts as processes, and compares what they trained. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type RankExit, startLocalRanks } from "@baltoro/training";
import type { StepsTask, Training } from "./steps.ts";

const program = fileURLToPath(new URL("./steps.ts", import.meta.url));

/** How processes ended, and what they said, by rank. */
export interface StepsRun {
  /** In the order of the ends. */
  readonly exits: readonly RankExit[];
  readonly output: readonly string[];
  readonly errors: readonly string[];
}

async function textOf(stream: ChildProcess["stdout"]): Promise<string> {
  let text = "";
  for await (const chunk of stream ?? []) text += String(chunk);
  return text;
}

/** Ranks of this machine. */
export async function stepsProcesses(
  size: number,
  work: StepsTask,
  environment: Record<string, string> = {},
  graceSeconds = 2,
): Promise<StepsRun> {
  const ranks = startLocalRanks({
    size,
    command: [process.execPath, program, JSON.stringify(work)],
    environment: { ...process.env, ...environment },
    output: "pipe",
    graceSeconds,
  });
  const output = ranks.processes.map(({ stdout }) => textOf(stdout));
  const errors = ranks.processes.map(({ stderr }) => textOf(stderr));
  const exits = await ranks.exits;
  return { exits, output: await Promise.all(output), errors: await Promise.all(errors) };
}

/** Ranks that each say they are alone on their machine, as torchrun would start them: they meet over TCP. */
export async function stepsMachines(size: number, port: number, work: StepsTask): Promise<StepsRun> {
  const exits: RankExit[] = [];
  const ranks = Array.from({ length: size }, async (_, rank) => {
    const place = { RANK: rank, WORLD_SIZE: size, LOCAL_RANK: 0, LOCAL_WORLD_SIZE: 1, MASTER_PORT: port };
    const variables = Object.entries(place).map(([name, value]) => [name, String(value)]);
    const child = spawn(process.execPath, [program, JSON.stringify(work)], {
      env: { ...process.env, MASTER_ADDR: "127.0.0.1", ...Object.fromEntries(variables) },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const ended = once(child, "exit").then(([code, signal]) => exits.push({ rank, code, signal }));
    const texts = await Promise.all([textOf(child.stdout), textOf(child.stderr)]);
    await ended;
    return texts;
  });
  const texts = await Promise.all(ranks);
  return { exits, output: texts.map(([text]) => text), errors: texts.map(([, text]) => text) };
}

/** What the ranks trained. @throws where one failed */
export function trainingsOf({ exits, output, errors }: StepsRun): Training[][] {
  for (const { rank, code } of exits) assert.equal(code, 0, errors[rank]);
  return output.map((text) => JSON.parse(text) as Training[]);
}

function assertClose(actual: readonly number[], expected: readonly number[], tolerance: number, what: string): void {
  assert.equal(actual.length, expected.length, what);
  for (const [i, value] of actual.entries())
    assert.ok(Math.abs(value - expected[i]) <= tolerance, `${what} ${i}: ${value}, alone ${expected[i]}`);
}

/** Losses agree to `tolerance`, what is derived from larger numbers to ten times that. */
export function assertSameTraining({ metrics }: Training, one: Training, tolerance: number, what: string): void {
  type Metrics = (typeof metrics)[number];
  const compare = (name: string, limit: number, pick: (step: Metrics) => readonly number[]) =>
    assertClose(metrics.flatMap(pick), one.metrics.flatMap(pick), limit, `${what}: ${name}`);
  compare("loss", tolerance, ({ loss }) => [loss]);
  compare("gradient norm", 10 * tolerance, ({ gradientNorm }) => [gradientNorm]);
  compare("largest logit", 10 * tolerance, ({ maxLogits }) => maxLogits);
  compare("load", Math.max(1e-6, tolerance / 10), ({ loadImbalance }) => loadImbalance);
}
