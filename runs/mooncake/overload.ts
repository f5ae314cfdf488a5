/**
 * Overload (arXiv 2407.00079 Table 3 and Fig. 9): the conversation trace at twice its speed, 8 prefill nodes and 8 decode nodes,
 * then fewer, until decode is what lacks; who is turned away by each admission policy, and how the loads of prefill and decode
 * swing. Where decode is scarce its limit is 50 ms, since below that KV memory, and not time, is what fills first.
 *
 *     npx node runs/mooncake/overload.ts [--trace FILE] [--out DIR] [--cost equation-1|measured] [--mfu 0.5]
 */
import { type AdmissionName, type SimulationResult, speedUp } from "@baltoro/serving";
import { conversation, curves, replay, writeResult } from "../parts/mooncake.ts";

const trace = await conversation();
const admissions: readonly AdmissionName[] = ["none", "baseline", "early", "predictive", "request-level"];
const paper: Partial<Record<AdmissionName, number>> = { baseline: 4183, early: 3771, predictive: 3589 };
const cases = [
  { cluster: "8P8D", tbtLimitMs: 100, speed: 2 },
  { cluster: "8P1D", tbtLimitMs: 100, speed: 2 },
  { cluster: "8P2D", tbtLimitMs: 50, speed: 2 },
  { cluster: "8P2D", tbtLimitMs: 50, speed: 3 },
  { cluster: "12P2D", tbtLimitMs: 50, speed: 3 },
  { cluster: "12P3D", tbtLimitMs: 50, speed: 4 },
];

const swings = new Map<AdmissionName, SimulationResult>();
/** Where both pools lack, as in the paper. */
const shown = cases[3];
const rows = cases.flatMap(({ speed, ...input }) => {
  const faster = speedUp(trace, speed);
  return admissions.map((admission) => {
    const result = replay(faster, { ...input, admission });
    const { requests, cache, oscillation } = result;
    if (speed === shown.speed && input.cluster === shown.cluster) swings.set(admission, result);
    return [
      `${input.cluster}, ${speed}×, ${input.tbtLimitMs} ms`,
      admission,
      requests.rejected,
      requests.rejections.filter(({ stage }) => stage === "decode").reduce((sum, { count }) => sum + count, 0),
      requests.completed,
      requests.effective,
      cache.wastedPrefillTokens / 1e6,
      oscillation.correlation,
      oscillation.prefillAmplitude,
      oscillation.decodeAmplitude,
      oscillation.rejectionBurstiness,
    ] as const;
  });
});

/** Means of so many samples: bursts of a trace in bins of 3 s are no oscillation. */
function smoothed(values: readonly number[], width = 6): [number, number][] {
  return values.map((_, i) => {
    const near = values.slice(Math.max(0, i - width + 1), i + 1);
    return [i, near.reduce((sum, value) => sum + value, 0) / near.length];
  });
}

const charts = Object.fromEntries(
  (["early", "predictive", "request-level"] as const).map((admission) => {
    const { series } = swings.get(admission) as SimulationResult;
    const minutes = (points: [number, number][]) =>
      points.map(([i, y]) => [series.atMs[i] / 60_000, y] as const).filter(([x]) => x <= 20);
    return [
      `overload-${admission}`,
      {
        alt: `Load of prefill and of decode over 20 minutes with ${admission} admission`,
        title: `Load under overload, ${admission} (${shown.cluster}, ${shown.speed}×, TBT ${shown.tbtLimitMs} ms)`,
        xLabel: "minutes",
        yLabel: "load, means of 30 s",
        yDomain: [0, 1.2] as const,
        rules: [{ y: 1, label: "limit" }],
        series: curves(
          { prefill: minutes(smoothed(series.prefillLoad)), decode: minutes(smoothed(series.decodeLoad)) },
          false,
        ),
      },
    ];
  }),
);

writeResult(
  "overload",
  [
    "cluster, speed, TBT limit",
    "admission",
    "rejected",
    "of them at decode",
    "complete",
    "effective",
    "wasted prefill, M tokens",
    "correlation",
    "prefill swing",
    "decode swing",
    "burstiness",
  ],
  [
    ...(["baseline", "early", "predictive"] as const).map((admission) => [
      "arXiv, 8P8D, 2×, 23k requests",
      admission,
      paper[admission] ?? null,
      ...Array(8).fill(null),
    ]),
    ...rows,
  ],
  charts,
);
