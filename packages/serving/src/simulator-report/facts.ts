import { duration } from "@baltoro/plot";
import type { EstimatorError } from "../estimators/types.ts";
import type { Distribution, SimulationResult } from "../simulator/result.ts";
import { bytes, count, share, significant, time } from "./quantities.ts";

/** What a report says, in words and numbers: the terminal and the page show the same. */
export interface FactGroup {
  readonly title: string;
  readonly facts: readonly (readonly [label: string, value: string])[];
}

/** How a request ended. The parts make up the whole. */
export interface Outcome {
  readonly label: string;
  readonly count: number;
  readonly kind: "good" | "slow" | "rejected" | "impossible" | "unfinished";
}

export interface LatencyRow {
  readonly label: string;
  readonly distribution: Distribution;
  readonly limitMs: number | null;
}

/** What ran, in one line: cluster, model, hardware, policy. */
export function headline(result: SimulationResult): { title: string; subtitle: string } {
  const { config, trace, requests, virtualMs } = result;
  const { cluster, model, hardware, policy, admission, ttftLimitMs, tbtLimitMs, seed } = config;
  const coupled = /M$/i.test(cluster);
  const scheduling = coupled
    ? `coupled, ${config.coupled.routing} routing${config.coupled.prefixCaching ? ", prefix caching" : ""}${config.coupled.chunkedPrefill ? ", chunked prefill" : ""}`
    : `${policy} scheduling`;
  const stopped = isStopped(result)
    ? `; stopped after ${time(virtualMs)}, when ${count(requests.total)} requests had come`
    : "";
  const changes = trace.changes.length > 0 ? ` (${trace.changes.join(", ")})` : "";
  return {
    title: `${cluster} serves ${trace.name}`,
    subtitle: `${model} on ${hardware}, ${scheduling}, admission ${admission}, TTFT ≤ ${time(ttftLimitMs)}, TBT ≤ ${time(tbtLimitMs)}, seed ${seed}; ${count(trace.requests)} requests in ${duration(trace.spanMs / 1000)}${changes}${stopped}`,
  };
}

/** Whether the run was stopped before all requests were done: shares are of those that had come. */
export function isStopped({ requests, trace }: SimulationResult): boolean {
  const { total, completed, rejected, impossible } = requests;
  return total < trace.requests || completed + rejected + impossible < total;
}

/** How the requests ended, rejections by stage and limit. */
export function outcomes({ requests }: SimulationResult): Outcome[] {
  const { total, completed, rejected, impossible, effective, rejections } = requests;
  const parts: Outcome[] = [
    { label: "effective", count: effective, kind: "good" },
    { label: "complete, but too slow", count: completed - effective, kind: "slow" },
    ...rejections.map(({ stage, limit, count: number }) => ({
      label: `rejected ${stage === "arrival" ? "at arrival" : "before decode"}: ${limitNames[limit] ?? limit}`,
      count: number,
      kind: "rejected" as const,
    })),
    { label: "impossible: larger than a node's memory", count: impossible, kind: "impossible" },
    {
      label: "unfinished when the run was stopped",
      count: total - completed - rejected - impossible,
      kind: "unfinished",
    },
  ];
  return parts.filter(({ count: number, kind }) => number > 0 || kind === "good");
}

/** Latencies of the completed requests. */
export function latencyRows({ latencies, config }: SimulationResult): LatencyRow[] {
  const row = (label: string, distribution: Distribution, limitMs: number | null = null) => ({
    label,
    distribution,
    limitMs,
  });
  return [
    row("TTFT", latencies.ttftMs, config.ttftLimitMs),
    row("  queue", latencies.queueMs),
    row("  prefill", latencies.prefillMs),
    row("TBT, longest tenth", latencies.tbtMs, config.tbtLimitMs),
    row("TPOT", latencies.tpotMs),
    row("ITL", latencies.itlMs),
    row("handoff", latencies.handoffMs),
    row("end to end", latencies.e2eMs),
  ];
}

/** Everything else that is a number. */
export function factGroups(result: SimulationResult): FactGroup[] {
  const { attainment, cache, transfers, oscillation, requests, predictions, nodes, trace } = result;
  const hits = Object.entries(cache.hitTokens);
  const mean = (values: readonly number[]) =>
    values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
  const ofRole = (key: "prefillUtilization" | "decodeUtilization") => {
    const values = nodes.map((node) => node[key]).filter((value) => value > 0);
    if (values.length === 0) return "–";
    return `${share(mean(values))} mean, ${share(Math.min(...values))} … ${share(Math.max(...values))}`;
  };
  const evicted = Object.entries(cache.evictedBlocks).filter(([, number]) => number > 0);
  const hot = cache.hotBlocks;
  return [
    {
      title: "Service levels",
      facts: [
        ["effective requests", share(attainment.effective)],
        ["goodput", `${significant(attainment.goodputPerSecond)} requests/s`],
        ["TTFT within its limit", share(attainment.ttft)],
        ["TBT within its limit", share(attainment.tbt)],
        ["output", `${significant(attainment.outputTokensPerSecond)} tokens/s`],
        ["input", `${significant(attainment.inputTokensPerSecond)} tokens/s`],
        ["wasted prefill", tokens(cache.wastedPrefillTokens)],
        ["preemptions", count(requests.preemptions)],
      ],
    },
    {
      title: "Prefix cache",
      facts: [
        ["hit ratio, tokens", share(cache.hitRatio)],
        ["infinite cache", trace.sharing ? share(cache.infiniteHitRatio) : "the log does not say what is shared"],
        ...hits
          .filter(([, number]) => number > 0)
          .map(([tier, number]) => [`from ${tierNames[tier]}`, tokens(number)] as const),
        ["computed", tokens(cache.computedPrefillTokens)],
        ["blocks stored", count(cache.storedBlocks)],
        [
          "blocks evicted",
          evicted.length === 0 ? "0" : evicted.map(([tier, number]) => `${count(number)} ${tier}`).join(", "),
        ],
        ["copies of the hottest block", hot.length === 0 ? "–" : count(hot[0].replicas)],
        [`mean copies, hottest ${hot.length}`, significant(mean(hot.map(({ replicas }) => replicas)))],
      ],
    },
    {
      title: "Network",
      facts: [
        ["prefixes moved", bytes(transfers.prefixBytes)],
        ["KV handed to decode", bytes(transfers.handoffBytes)],
        ["read from SSD", bytes(transfers.ssdBytes)],
        ["flows", count(transfers.flows)],
        ["slowdown by contention", transfers.meanSlowdown === null ? "–" : `${significant(transfers.meanSlowdown)}×`],
        ["links used, mean", share(transfers.meanLinkUtilization)],
        ["busiest link", share(transfers.maxLinkUtilization)],
      ],
    },
    {
      title: "Load",
      facts: [
        ["prefill nodes busy", ofRole("prefillUtilization")],
        ["decode nodes busy", ofRole("decodeUtilization")],
        ["prefill and decode load", `correlation ${significant(oscillation.correlation)}`],
        [
          "  lowest at any shift",
          oscillation.worstCorrelation === null
            ? "–"
            : `${significant(oscillation.worstCorrelation)} at ${signed(oscillation.worstShiftMs)}`,
        ],
        [
          "  amplitude",
          `${significant(oscillation.prefillAmplitude)} prefill, ${significant(oscillation.decodeAmplitude)} decode`,
        ],
        ["burstiness of rejections", significant(oscillation.rejectionBurstiness)],
        ["role switches", count(result.roleSwitches.length)],
      ],
    },
    {
      title: "Predictions at arrival",
      facts: [
        ["TTFT", prediction(predictions.ttft)],
        ["TBT", prediction(predictions.tbt)],
      ],
    },
  ];
}

/** What makes the run again the same. */
export function provenance(result: SimulationResult): FactGroup {
  const { trace, cost, config, virtualMs, events } = result;
  return {
    title: "Run",
    facts: [
      ["trace", `${trace.name} (${trace.format})`],
      ["sha256", trace.sha256],
      ["changes", trace.changes.join(", ") || "none"],
      ["skipped lines", count(trace.skippedLines)],
      ["block", `${trace.blockSize} tokens`],
      ["cost model", `${cost.name}, version ${cost.version}`],
      ["seed", String(config.seed)],
      ["virtual time", time(virtualMs)],
      ["events", count(events)],
    ],
  };
}

const limitNames: Readonly<Record<string, string>> = {
  ttft: "TTFT",
  tbt: "TBT",
  "decode-load": "decode load",
  "kv-memory": "KV memory",
  "no-prefill-worker": "nobody prefills",
  "no-decode-worker": "nobody decodes",
};

const tierNames: Readonly<Record<string, string>> = {
  device: "device memory",
  dram: "DRAM",
  ssd: "SSD",
  remote: "other nodes",
};

function tokens(value: number): string {
  return `${value >= 1e6 ? `${significant(value / 1e6)} M` : count(value)} tokens`;
}

function signed(ms: number | null): string {
  return ms === null ? "–" : `${ms >= 0 ? "+" : "−"}${time(Math.abs(ms))}`;
}

function prediction(error: EstimatorError | null): string {
  if (error === null || error.count === 0) return "none";
  const bias = `${error.bias >= 0 ? "+" : "−"}${share(Math.abs(error.bias))}`;
  return `off by ${share(error.meanRelative)} in the mean, p90 ${share(error.p90Relative)}, bias ${bias} (${count(error.count)})`;
}
