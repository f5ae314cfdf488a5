/**
 * One step beyond the papers: `min` in place of Algorithm 1's threshold, output lengths predicted per request in place of one
 * decode time for all, and workers that change roles; each alone and all together, against the papers' policies, on the same
 * runs: where prefill lacks, where decode lacks, and where the load moves from one to the other. Since roles may only mend a bad
 * split, the best fixed split of as many nodes stands beside them.
 *
 *     npx node runs/mooncake/beyond.ts [--trace FILE] [--out DIR] [--cost equation-1|measured] [--mfu 0.5]
 */
import { parseCluster, type SimulationInput, speedUp, type Trace } from "@baltoro/serving";
import { conversation, gain, replay, writeResult } from "../parts/mooncake.ts";

const trace = await conversation();

/** The first half of the trace asks for long answers, the second for short ones: decode lacks first, then prefill. */
function shifting(of: Trace): Trace {
  const middle = of.info.spanMs / 2;
  const requests = Array.from(of.requests, (request) => ({
    ...request,
    outputTokens: request.arrivalMs < middle ? 4 * request.outputTokens : request.outputTokens,
  }));
  return { info: { ...of.info, changes: [...of.info.changes, "outputs ×4 in the first half"] }, requests };
}

const runs: readonly { name: string; trace: Trace; input: SimulationInput }[] = [
  { name: "prefill lacks: 8P8D, 2×", trace: speedUp(trace, 2), input: { cluster: "8P8D", tbtLimitMs: 100 } },
  { name: "decode lacks: 12P2D, 3×, 50 ms", trace: speedUp(trace, 3), input: { cluster: "12P2D", tbtLimitMs: 50 } },
  {
    name: "shifting: 10P6D, 2.5×, 50 ms",
    trace: shifting(speedUp(trace, 2.5)),
    input: { cluster: "10P6D", tbtLimitMs: 50 },
  },
];
const papers = { policy: "paper", admission: "predictive" } as const;
const steps: Record<string, Partial<SimulationInput>> = {
  "the papers' (paper, predictive)": papers,
  "+ min": { ...papers, policy: "min" },
  "+ request-level": { ...papers, admission: "request-level" },
  "+ roles": { ...papers, roleSwitching: true },
  "all three": { policy: "min", admission: "request-level", roleSwitching: true },
  "min + roles": { ...papers, policy: "min", roleSwitching: true },
};

/** The split of as many nodes that has most effective requests with one of the papers' or our admission policies. */
function bestSplit(replayed: Trace, input: SimulationInput): Partial<SimulationInput> {
  const { prefill, decode } = parseCluster(input.cluster);
  let best: { effective: number; change: Partial<SimulationInput> } = { effective: -1, change: {} };
  for (let p = 4; p < prefill + decode; p++) {
    const cluster = `${p}P${prefill + decode - p}D`;
    for (const admission of ["predictive", "request-level"] as const) {
      const change = { ...papers, cluster, admission };
      const { effective } = replay(replayed, { ...input, ...change }).requests;
      if (effective > best.effective) best = { effective, change };
    }
  }
  return best.change;
}

const rows = runs.flatMap(({ name, trace: replayed, input }) => {
  let first = 0;
  const fixed = bestSplit(replayed, input);
  const all = { ...steps, [`best fixed split: ${fixed.cluster}, ${fixed.admission}`]: fixed };
  return Object.entries(all).map(([step, change]) => {
    const { requests, latencies, roleSwitches, attainment } = replay(replayed, { ...input, ...change });
    first ||= requests.effective;
    return [
      name,
      step,
      requests.effective,
      gain(requests.effective, first),
      attainment.effective,
      requests.rejected,
      (latencies.ttftMs.mean ?? Number.NaN) / 1000,
      latencies.tbtMs.p90,
      roleSwitches.length,
    ];
  });
});
writeResult(
  "beyond",
  ["run", "conductor", "effective", "gain", "share", "rejected", "mean TTFT s", "P90 TBT ms", "role changes"],
  rows,
);
