/**
 * Effective request capacity on the conversation trace: 16 nodes split into prefill and decode against 16 coupled nodes, at TTFT
 * 30 s and TBT 100, 200, 300 ms (FAST'25 §5.2.1). Nobody is turned away but in the rows that say so: a request that is turned away
 * is not effective.
 *
 *     npx node runs/mooncake/capacity.ts [--trace FILE] [--out DIR] [--cost equation-1|measured] [--mfu 0.5]
 */
import { type SimulationInput, speedUp } from "@baltoro/serving";
import {
  clusterCapacity,
  conversation,
  coupledVariants,
  curves,
  gain,
  replay,
  writeResult,
} from "../parts/mooncake.ts";

const trace = await conversation();
const systems: Record<string, SimulationInput> = {
  "split, 8P8D": { cluster: "8P8D" },
  "split, 12P4D": { cluster: "12P4D" },
  "split, 8P8D, early rejection": { cluster: "8P8D", admission: "predictive" },
  "split, 12P4D, early rejection": { cluster: "12P4D", admission: "predictive" },
  ...Object.fromEntries(Object.entries(coupledVariants).map(([name, coupled]) => [name, { cluster: "16M", coupled }])),
};

const limits = [100, 200, 300];
const found = Object.entries(systems).map(([name, input]) => {
  const capacities = limits.map((tbtLimitMs) => clusterCapacity(trace, { ...input, tbtLimitMs }));
  console.log(name, ...capacities.map((speed) => speed.toFixed(2)));
  return { name, capacities };
});

const rows = found.map(({ name, capacities }) => [
  name,
  ...limits.flatMap((_, i) => [
    capacities[i],
    gain(found[0].capacities[i], capacities[i]),
    gain(found[1].capacities[i], capacities[i]),
  ]),
]);
const header = [
  "system",
  ...limits.flatMap((tbt) => [`speed at TBT ${tbt} ms`, `8P8D over it, ${tbt}`, `12P4D over it, ${tbt}`]),
];

const speeds = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.25, 2.5];
const shares = Object.entries(systems)
  .filter(([name]) => !name.includes("routing"))
  .map(
    ([name, input]) =>
      [
        name,
        speeds.map((speed) => [speed, replay(speedUp(trace, speed), input).attainment.effective] as const),
      ] as const,
  );

writeResult("capacity", header, rows, {
  capacity: {
    alt: "Share of effective requests over replay speed: split clusters hold on for longer than coupled ones",
    title: "Effective requests, 16 nodes, TTFT 30 s, TBT 100 ms",
    xLabel: "replay speed",
    yLabel: "share of requests",
    yDomain: [0, 1],
    rules: [{ y: 0.9, label: "90%" }],
    series: curves(Object.fromEntries(shares)),
  },
});
