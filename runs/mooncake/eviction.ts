/**
 * Hit ratio by eviction policy and capacity: one cache for all requests (arXiv 2407.00079 Table 1), then 10 prefill nodes of 3M
 * tokens each, with a cache that all reach against caches of their own (FAST'25 Fig. 10).
 *
 *     npx node runs/mooncake/eviction.ts [--trace FILE] [--out DIR]
 */
import { createPool, type EvictionName } from "@baltoro/serving";
import { conversation, curves, replay, writeResult } from "../parts/mooncake.ts";

const trace = await conversation();
const capacities = [1000, 10_000, 30_000, 50_000, 100_000, 200_000];
const evictions: readonly EvictionName[] = ["lru", "lfu", "length-aware"];

/** Share of the trace's blocks that are found, in order of arrival. */
function hitRatio(eviction: EvictionName, capacity: number): number {
  const pool = createPool({ capacity: { dram: capacity }, eviction });
  let [hits, blocks] = [0, 0];
  for (const request of trace.requests) {
    hits += pool.prefixLength(request.blocks);
    blocks += request.blocks.length;
    pool.store(request.blocks, 0, request.blocks.length, request.arrivalMs);
  }
  return hits / blocks;
}

const ratios = evictions.map((eviction) => capacities.map((capacity) => hitRatio(eviction, capacity)));
/** arXiv Table 1, of another trace, whose ceiling is .51. */
const paper = {
  lru: [0.3, 0.4, 0.48, 0.5, 0.51, 0.51],
  lfu: [0.3, 0.35, 0.43, 0.49, 0.51, 0.51],
  "length-aware": [0.3, 0.35, 0.42, 0.48, 0.5, 0.51],
};
const ceiling = ratios[0].at(-1) as number;

writeResult(
  "eviction",
  [
    "policy",
    "",
    ...capacities.map((capacity, i) => (i === capacities.length - 1 ? "no limit" : `${capacity / 1000}k blocks`)),
  ],
  evictions.flatMap((eviction, e) => [
    [eviction, "ours", ...ratios[e]],
    [eviction, "share of its ceiling", ...ratios[e].map((ratio) => ratio / ceiling)],
    [eviction, "arXiv, share of its ceiling", ...paper[eviction].map((ratio) => ratio / 0.51)],
  ]),
  {
    eviction: {
      alt: "Hit ratio over capacity: LRU is above LFU, and LFU above LengthAware",
      title: "Hit ratio by eviction policy, one cache, conversation trace",
      xLabel: "capacity, thousand blocks of 512 tokens",
      yLabel: "share of blocks found",
      yDomain: [0, 0.4],
      rules: [{ y: ceiling, label: "no limit" }],
      series: curves(
        Object.fromEntries(
          evictions.map((eviction, e) => [
            eviction,
            capacities.slice(0, -1).map((capacity, i) => [capacity / 1000, ratios[e][i]] as const),
          ]),
        ),
      ),
    },
  },
);

/** 3M tokens of 327,680 bytes. */
const dramGiB = (3e6 * 327_680) / 2 ** 30;
const [global, local] = (["min", "local-cache-aware"] as const).map((policy) => {
  const { cache, nodes, latencies } = replay(trace, { cluster: "10P10D", policy, dramGiB });
  const busy = nodes.reduce((sum, { prefillUtilization }) => sum + prefillUtilization, 0);
  return {
    hitRatio: cache.hitRatio,
    busy,
    ttft: (latencies.ttftMs.mean ?? Number.NaN) / 1000,
    replicas: cache.hotBlocks[0].replicas,
  };
});
const balanced = replay(trace, { cluster: "10P10D", policy: "load-balancing", dramGiB });
const balancedBusy = balanced.nodes.reduce((sum, { prefillUtilization }) => sum + prefillUtilization, 0);
writeResult(
  "global-cache",
  ["cache", "hit ratio", "prefill GPU time, relative to local", "mean TTFT s"],
  [
    ["global (min)", global.hitRatio, global.busy / local.busy, global.ttft],
    ["local, cache-aware routing", local.hitRatio, 1, local.ttft],
    [
      "local, load balancing",
      balanced.cache.hitRatio,
      balancedBusy / local.busy,
      (balanced.latencies.ttftMs.mean ?? Number.NaN) / 1000,
    ],
    ["FAST'25 Fig. 10: global over local", 2.22, 0.76, null],
  ],
);
