/**
 * How fast the simulator replays: the conversation trace on 20 nodes, and a million generated requests on 1,000 nodes, on one
 * core. `--trace FILE`, `--requests N` (default 1,000,000), `--nodes N`, `--repeat N`.
 *
 * Checks are of processor time, of all threads of the process: on one idle core a replay takes as long or less, and neighbours
 * do not count. Wall time stands beside it. Each replay runs in a process of its own, so that its memory is its own. Reading the trace is not in replaySeconds and is
 * reported apart; generating requests is in millionRequestSeconds, since they are generated as they are replayed.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type BenchOptions, type BenchResult, type Check, figure, textTable } from "./harness.ts";
import type { Replay } from "./parts/replay.ts";

const conversation = join(
  process.env["BALTORO_DATA"] ?? join(import.meta.dirname, "../../shared/data"),
  "traces/conversation_trace.jsonl",
);
/** Requests per second and node: the conversation trace's on 20 nodes, which is 0.17. */
const ratePerNode = 0.17;

function replay(...args: string[]): Replay {
  const script = join(import.meta.dirname, "parts/replay.ts");
  const out = execFileSync(process.execPath, [script, ...args], {
    encoding: "utf8",
    maxBuffer: 1 << 20,
    stdio: ["ignore", "pipe", "inherit"],
  });
  return JSON.parse(out) as Replay;
}

/** The fastest of several; all must have the same result. */
function fastest(repeat: number, ...args: string[]): Replay {
  const runs = Array.from({ length: repeat }, () => replay(...args));
  if (runs.some(({ sha256 }) => sha256 !== runs[0].sha256)) throw new Error(`replays of ${args.join(" ")} differ`);
  return runs.reduce((best, run) => (run.cpuSeconds < best.cpuSeconds ? run : best));
}

export async function run({ args }: BenchOptions): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      trace: { type: "string", default: conversation },
      requests: { type: "string", default: "1000000" },
      nodes: { type: "string", default: "1000" },
      repeat: { type: "string", default: "3" },
    },
  });
  const [requests, nodes, repeat] = [values.requests, values.nodes, values.repeat].map(Number);
  const checks: Check[] = [];
  const rows: [string, Replay][] = [];
  if (existsSync(values.trace)) {
    const real = fastest(repeat, "--cluster", "10P10D", "--trace", values.trace);
    rows.push(["conversation, 10P10D", real]);
    checks.push(
      { name: "replaySeconds", value: real.cpuSeconds, atMost: 1.5 },
      { name: "replayMiB", value: real.peakMiB, atMost: 1024 },
    );
  } else console.error(`${values.trace} is not there: replaySeconds and replayMiB are left out`);
  const half = nodes / 2;
  const cluster = `${half}P${half}D`;
  const rate = String(ratePerNode * nodes);
  // Warm: compiling the code would make the small one dear, and growth look better than it is.
  const small = fastest(repeat, "--cluster", cluster, "--requests", "10000", "--rate", rate, "--warm");
  const large = replay("--cluster", cluster, "--requests", String(requests), "--rate", rate);
  rows.push([`10,000 generated, ${cluster}`, small], [`${requests.toLocaleString("en")} generated, ${cluster}`, large]);
  const perEvent = ({ cpuSeconds, events }: Replay) => cpuSeconds / events;
  checks.push(
    { name: "millionRequestSeconds", value: (large.cpuSeconds * 1e6) / requests, atMost: 300 },
    { name: "costGrowth", value: perEvent(large) / perEvent(small), atMost: 1.5 },
  );
  return {
    figures: { ratePerNode, replays: Object.fromEntries(rows) },
    checks,
    lines: textTable(
      [
        "replay",
        "CPU seconds",
        "wall seconds",
        "events",
        "µs/event",
        "virtual/wall",
        "peak MiB",
        "decide p99 µs",
        "reading s",
      ],
      rows.map(([name, r]) => [
        name,
        figure(r.cpuSeconds),
        figure(r.seconds),
        figure(r.events),
        figure(1e6 * perEvent(r)),
        figure(r.virtualSeconds / r.seconds),
        figure(r.peakMiB),
        figure(r.decideP99Micros),
        figure(r.readSeconds),
      ]),
    ),
  };
}
