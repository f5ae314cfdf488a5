/**
 * The best split of 16 nodes into prefill and decode (FAST'25 Fig. 15): effective request capacity at TTFT 10 s and TBT 100 ms.
 *
 *     npx node runs/mooncake/ratio.ts [--trace FILE] [--out DIR] [--cost equation-1|measured] [--mfu 0.5]
 */
import { clusterCapacity, conversation, curves, writeResult } from "../parts/mooncake.ts";

const trace = await conversation();
const nodes = 16;
const rows = [4, 6, 8, 10, 12, 13, 14, 15].map((prefill) => {
  const cluster = `${prefill}P${nodes - prefill}D`;
  const row = [10_000, 30_000].map((ttftLimitMs) => clusterCapacity(trace, { cluster, ttftLimitMs, tbtLimitMs: 100 }));
  console.log(cluster, ...row.map((speed) => speed.toFixed(2)));
  return [cluster, prefill, ...row] as const;
});
writeResult("ratio", ["cluster", "prefill nodes", "speed at TTFT 10 s", "speed at TTFT 30 s"], rows, {
  ratio: {
    alt: "Capacity over the number of prefill nodes of 16",
    title: "Effective request capacity by split, 16 nodes, TBT 100 ms",
    xLabel: "prefill nodes",
    yLabel: "replay speed",
    series: curves({
      "TTFT 10 s": rows.map(([, prefill, ten]) => [prefill, ten] as const),
      "TTFT 30 s": rows.map(([, prefill, , thirty]) => [prefill, thirty] as const),
    }),
  },
});
