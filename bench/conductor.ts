/**
 * Time of a decision at 16, 256 and 1,000 workers with 1M blocks in the index, while 100,000 KV events a second are applied in the same
 * thread; and of three designs of the prefix index. `--trace FILE`, `--decisions N`, `--repeat N`, `--admission NAME`, `--policy NAME`,
 * `--workers 16,256,1000`, `--only decisions` or `indexes`.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type AdmissionName, chainRoot, hashBlocks, type PolicyName } from "@baltoro/serving";
import { type BenchOptions, type BenchResult, figure, textTable } from "./harness.ts";
import { compareIndexes, type IndexFigures } from "./parts/compare-indexes.ts";
import { readTraceLines, type TraceLine } from "./parts/conductor-load.ts";
import {
  blocksHeld,
  blockTokens,
  decideUnderLoad,
  eventsPerSecond,
  type Load,
  sequencesPerDecoder,
} from "./parts/decide-under-load.ts";

const conversation = join(import.meta.dirname, "../../shared/data/traces/conversation_trace.jsonl");
export async function run({ args }: BenchOptions): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      trace: { type: "string" },
      decisions: { type: "string" },
      repeat: { type: "string" },
      admission: { type: "string" },
      policy: { type: "string" },
      workers: { type: "string" },
      only: { type: "string" },
    },
  });
  const path = values.trace ?? conversation;
  if (!existsSync(path)) throw new Error(`${path} is missing: --trace names a trace in Mooncake's JSONL`);
  const trace = readTraceLines(path);
  const decisions = count("decisions", values.decisions, trace.length);
  const repeat = count("repeat", values.repeat, 3);
  const policy = (values.policy ?? "min") as PolicyName;
  const admission = (values.admission ?? "predictive") as AdmissionName;
  const { only } = values;
  if (only !== undefined && only !== "decisions" && only !== "indexes") {
    throw new Error(`--only is ${only}; it is decisions or indexes`);
  }
  const sizes = only === "indexes" ? [] : (values.workers?.split(",").map(Number) ?? [16, 256, 1000]);
  const loads = sizes.map((workers) => {
    const runs = Array.from({ length: repeat }, () => decideUnderLoad(trace, workers, decisions, policy, admission));
    const best = runs.reduce((least, one) => (one.decide.p99 < least.decide.p99 ? one : least));
    return { ...best, p99s: runs.map((one) => one.decide.p99) };
  });
  const indexes: IndexFigures[] = [];
  if (only !== "decisions") {
    for (const workers of [256, 1000]) indexes.push(...(await compareIndexes(trace, workers, blocksHeld)));
  }
  const hashing = hashTime(trace);
  const at256 = loads.find(({ workers }) => workers === 256);
  return {
    figures: { policy, admission, decisions, blocksHeld, eventsPerSecond, loads, indexes, hashing },
    checks: at256 ? [{ name: "decideP99Micros256", value: at256.decide.p99, atMost: 50 }] : [],
    lines: [
      ...(loads.length > 0 ? loadLines(loads, { policy, admission, decisions, repeat }) : []),
      ...(indexes.length > 0 ? indexLines(indexes) : []),
      `hashing (apart): ${figure(hashing.microsPerRequest)} µs for a request of ${figure(hashing.meanTokens)} tokens on average, ${figure(hashing.microsPerBlock)} µs a block of ${blockTokens}`,
    ],
  };
}

function loadLines(
  loads: readonly Load[],
  {
    policy,
    admission,
    decisions,
    repeat,
  }: Record<"policy" | "admission", string> & Record<"decisions" | "repeat", number>,
): string[] {
  return [
    `${decisions} decisions of ${policy} with ${admission} admission; ${figure(blocksHeld)} blocks in the index, ${sequencesPerDecoder} sequences on each decode worker; least p99 of ${repeat} runs`,
    ...textTable(
      [
        "workers",
        "p50 µs",
        "p90 µs",
        "p99 µs",
        "max µs",
        "p99 of each run",
        "ns/event",
        "events/s",
        "thread at 100k/s",
        "rejected",
        "prefix hit",
        "index MiB",
      ],
      loads.map((load) => [
        String(load.workers),
        ...[load.decide.p50, load.decide.p90, load.decide.p99, load.decide.max].map(figure),
        load.p99s.map((value) => value.toFixed(1)).join(" "),
        figure(load.nanosPerEvent),
        figure(1e9 / load.nanosPerEvent),
        `${(load.threadShare * 100).toFixed(1)}%`,
        String(load.rejected),
        `${(load.hitTokens * 100).toFixed(1)}%`,
        figure(load.indexMiB),
      ]),
    ),
    "",
  ];
}

function indexLines(indexes: readonly IndexFigures[]): string[] {
  return [
    "prefix index: the longest prefix on every worker, and one block stored or removed",
    ...textTable(
      ["workers", "design", "walk p50 µs", "walk p99 µs", "ns/event", "MiB", "same answer"],
      indexes.map((one) => [
        String(one.workers),
        one.design,
        figure(one.walkP50Micros),
        figure(one.walkP99Micros),
        figure(one.nanosPerEvent),
        figure(one.mebibytes),
        `${(one.sameAnswers * 100).toFixed(1)}%`,
      ]),
    ),
    "",
  ];
}

/** A number of an option. */
function count(name: string, value: string | undefined, otherwise: number): number {
  const number = value === undefined ? otherwise : Number(value);
  if (!Number.isInteger(number) || number < 1) throw new Error(`--${name} is ${value}; it must be an integer ≥ 1`);
  return number;
}

function hashTime(trace: readonly TraceLine[]) {
  const chosen = trace.filter((_, i) => i % 40 === 0);
  const prompts = chosen.map(({ inputTokens }, r) =>
    Int32Array.from({ length: inputTokens }, (_, i) => Math.imul(i + 1, r + 7) >>> 8),
  );
  const root = chainRoot({ model: "llama2-70b", blockTokens });
  let best = Number.POSITIVE_INFINITY;
  let blocks = 0;
  for (let round = 0; round < 3; round++) {
    blocks = 0;
    const start = performance.now();
    for (const prompt of prompts) blocks += hashBlocks(root, prompt, blockTokens).count;
    best = Math.min(best, performance.now() - start);
  }
  return {
    meanTokens: chosen.reduce((sum, { inputTokens }) => sum + inputTokens, 0) / chosen.length,
    microsPerRequest: (best * 1000) / chosen.length,
    microsPerBlock: (best * 1000) / blocks,
  };
}
