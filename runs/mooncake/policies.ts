/**
 * Mean TTFT by scheduling policy (FAST'25 Fig. 5): 8 prefill and 8 decode nodes, the conversation trace as it is, nobody is
 * turned away. Then the same at 1.5 times the speed, where policies matter more.
 *
 *     npx node runs/mooncake/policies.ts [--trace FILE] [--out DIR] [--cost equation-1|measured] [--mfu 0.5]
 */
import { type PolicyName, speedUp } from "@baltoro/serving";
import { conversation, replay, writeResult } from "../parts/mooncake.ts";

const trace = await conversation();
/** FAST'25 Fig. 5, seconds; it has no `min`. */
const paper: Record<PolicyName, number | null> = {
  random: 19.65,
  "load-balancing": 5.27,
  "local-cache-aware": 3.58,
  paper: 3.07,
  min: null,
};
const seconds = (ms: number | null) => (ms === null ? null : ms / 1000);

const rows = (Object.keys(paper) as PolicyName[]).map((policy) => {
  const [one, faster] = [1, 1.5].map((speed) => replay(speedUp(trace, speed), { cluster: "8P8D", policy }));
  return [
    policy,
    paper[policy],
    seconds(one.latencies.ttftMs.mean),
    seconds(one.latencies.ttftMs.p90),
    one.cache.hitRatio,
    one.transfers.prefixBytes / 1e12,
    seconds(faster.latencies.ttftMs.mean),
    seconds(faster.latencies.ttftMs.p90),
    faster.cache.hitRatio,
  ];
});
writeResult(
  "policies",
  [
    "policy",
    "FAST'25 mean TTFT s",
    "mean TTFT s",
    "p90",
    "hit ratio",
    "prefix TB moved",
    "mean TTFT s, 1.5×",
    "p90, 1.5×",
    "hit ratio, 1.5×",
  ],
  rows,
);
