/**
 * Simulated long contexts (arXiv 2407.00079 §8.1.2): prompts of 16k to 128k tokens of which half is in the cache, outputs of
 * 512, Poisson arrivals; 4 nodes as 3P1D, 2P2D, or coupled. Capacity is the highest rate at which P90 TTFT is within 10 times,
 * and P90 TBT within 5 times, of what the split cluster has at the lowest rate.
 *
 *     npx node runs/mooncake/long-context.ts [--out DIR] [--cost equation-1|measured] [--mfu 0.5]
 */
import { type SimulationInput, seededRandom, type Trace, type TraceRequest } from "@baltoro/serving";
import { coupledVariants, curves, gain, replay, writeResult } from "../parts/mooncake.ts";

const requests = 1000;
const blockSize = 512;
/** Beginnings that the prompts share: as many as one node's DRAM holds of the longest. */
const documents = 16;

/** Prompts whose first half is one of a few documents, whose second half is new. */
function longPrompts(tokens: number, perSecond: number): Trace {
  const random = seededRandom(7);
  const half = tokens / blockSize / 2;
  let arrivalMs = 0;
  let next = documents * half;
  const made = Array.from({ length: requests }, (_, id): TraceRequest => {
    arrivalMs += (random.exponential() * 1000) / perSecond;
    const document = Math.floor(random.uniform() * documents);
    const blocks = Uint32Array.from({ length: 2 * half }, (_, i) => (i < half ? document * half + i : next++));
    return { id, arrivalMs, inputTokens: tokens, outputTokens: 512, blocks };
  });
  const info = {
    name: `${tokens} tokens, half of them shared`,
    format: "generated",
    sha256: "",
    blockSize,
    requests,
    spanMs: arrivalMs,
    blockIds: next,
    sharing: true,
    skippedLines: 0,
    changes: [],
  } as const;
  return { info, requests: made };
}

const systems: Record<string, SimulationInput> = {
  "split, 3P1D": { cluster: "3P1D" },
  "split, 2P2D": { cluster: "2P2D" },
  ...Object.fromEntries(Object.entries(coupledVariants).map(([name, coupled]) => [name, { cluster: "4M", coupled }])),
};
const lengths = [16_384, 32_768, 65_536, 131_072];

/** P90 of TTFT and TBT at a rate. */
function tails(tokens: number, rate: number, input: SimulationInput): { ttft: number; tbt: number } {
  const { latencies } = replay(longPrompts(tokens, rate), input);
  return { ttft: latencies.ttftMs.p90 ?? Number.NaN, tbt: latencies.tbtMs.p90 ?? Number.NaN };
}

/** Highest rate within 2%, per second. */
function capacityOf(input: SimulationInput, tokens: number, limits: { ttft: number; tbt: number }): number {
  const holds = (rate: number) => {
    const { ttft, tbt } = tails(tokens, rate, input);
    return ttft <= limits.ttft && tbt <= limits.tbt;
  };
  let low = lowestRate;
  if (!holds(low)) return 0;
  let high = 1.5 * low;
  while (holds(high)) {
    low = high;
    high *= 1.5;
  }
  while (high / low > 1.02) {
    const middle = Math.sqrt(low * high);
    if (holds(middle)) low = middle;
    else high = middle;
  }
  return low;
}

const lowestRate = 0.002;
const found = lengths.map((tokens) => {
  const base = tails(tokens, lowestRate, systems["split, 3P1D"]);
  const limits = { ttft: 10 * base.ttft, tbt: 5 * base.tbt };
  const rates = Object.values(systems).map((input) => capacityOf(input, tokens, limits));
  console.log(tokens, ...rates.map((rate) => rate.toFixed(3)));
  return { tokens, limits, rates };
});
const names = Object.keys(systems);
const bestSplit = found.map(({ rates }) => Math.max(rates[0], rates[1]));
writeResult(
  "long-context",
  ["system", ...lengths.flatMap((tokens) => [`req/s at ${tokens / 1024}k`, `best split over it, ${tokens / 1024}k`])],
  names.map((name, s) => [name, ...found.flatMap(({ rates }, f) => [rates[s], gain(bestSplit[f], rates[s])])]),
  {
    "long-context": {
      alt: "Capacity of the split cluster over that of each coupled one, by length of prompt",
      title: "Long prompts, half cached: the split cluster's capacity over a coupled one's, 4 nodes",
      xLabel: "prompt, thousand tokens",
      yLabel: "ratio",
      rules: [{ y: 1, label: "equal" }],
      series: curves(
        Object.fromEntries(
          names
            // The cache-aware router leads all to one node: its curve would dwarf the others.
            .slice(2, -1)
            .map((name, s) => [
              name,
              found
                .map(({ tokens, rates }, f) => [tokens / 1024, bestSplit[f] / rates[s + 2]] as const)
                .filter(([, ratio]) => Number.isFinite(ratio)),
            ]),
        ),
      ),
    },
  },
);
