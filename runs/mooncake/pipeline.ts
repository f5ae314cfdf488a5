/**
 * What the prefill pool's two mechanisms do (FAST'25 §3.3): chunked pipeline groups of 1, 2 and 4 nodes on the prompts of the
 * conversation trace and on its long ones alone; and loading and sending KV layer by layer against doing it before and after
 * (arXiv 2407.00079 Fig. 7), for single prompts.
 *
 *     npx node runs/mooncake/pipeline.ts [--trace FILE] [--out DIR] [--cost equation-1|measured] [--mfu 0.5]
 */
import { type Trace, type TraceRequest, truncate } from "@baltoro/serving";
import { conversation, replay, writeResult } from "../parts/mooncake.ts";

const trace = await conversation();
const long = 32_768;
const longOnly: Trace = {
  info: { ...trace.info, changes: [`prompts of ${long} tokens or more`] },
  requests: Array.from(trace.requests).filter(({ inputTokens }) => inputTokens >= long),
};
const seconds = (ms: number | null) => (ms ?? Number.NaN) / 1000;

writeResult(
  "pipeline",
  ["nodes per group", "mean TTFT s", "P99 TTFT s", "mean TTFT s, prompts ≥ 32k alone", "P99", "prefill utilization"],
  [1, 2, 4].map((prefillGroup) => {
    const [all, few] = [trace, longOnly].map((of) => replay(of, { cluster: "8P8D", prefillGroup }));
    const prefillers = all.nodes.filter(({ role }) => role === "prefill");
    const busy = prefillers.reduce((sum, { prefillUtilization }) => sum + prefillUtilization, 0) / prefillers.length;
    return [
      String(prefillGroup),
      seconds(all.latencies.ttftMs.mean),
      seconds(all.latencies.ttftMs.p99),
      seconds(few.latencies.ttftMs.mean),
      seconds(few.latencies.ttftMs.p99),
      busy,
    ];
  }),
);

/** What is left to do when the first token is out: the handoff, in seconds. */
function handoffSeconds(tokens: number, layerwise: boolean): number {
  const request: TraceRequest = {
    id: 0,
    arrivalMs: 0,
    inputTokens: tokens,
    outputTokens: 2,
    blocks: new Uint32Array(),
  };
  const one = truncate(trace, { requests: 1 });
  const { latencies } = replay(
    { info: one.info, requests: [request] },
    { cluster: "1P1D", layerwise, ttftLimitMs: 1e6 },
  );
  return seconds(latencies.handoffMs.mean);
}

/** arXiv Fig. 7: time of storing KV after the prefill, and beside it. */
const paper: Record<number, readonly [number, number]> = {
  8192: [0.11, 0.1],
  16384: [0.12, 0.1],
  32768: [0.23, 0.1],
  65536: [0.42, 0.1],
  131072: [0.87, 0.1],
};
writeResult(
  "layerwise",
  ["prompt tokens", "handoff after prefill s", "layer by layer s", "arXiv, after", "arXiv, layer by layer"],
  Object.entries(paper).map(([tokens, [after, beside]]) => [
    tokens,
    handoffSeconds(Number(tokens), false),
    handoffSeconds(Number(tokens), true),
    after,
    beside,
  ]),
);
