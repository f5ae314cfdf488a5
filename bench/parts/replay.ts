/** One replay, in a process of its own: prints a {@link Replay} as JSON. `--cluster C (--trace FILE | --requests N --rate PER_SECOND) [--warm]`: after another, so that all code is compiled. */
import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import { createSimulation, generateTrace, parameterPresets, readTrace } from "@baltoro/serving";

export interface Replay {
  /** Wall time from an empty cluster to the result. */
  readonly seconds: number;
  /** Processor time of the same, all threads: what wall time would be on a machine with nothing else to do, or more. */
  readonly cpuSeconds: number;
  readonly readSeconds: number;
  readonly events: number;
  readonly virtualSeconds: number;
  /** Resident memory of the whole process at its highest. */
  readonly peakMiB: number;
  readonly decideP99Micros: number;
  readonly completed: number;
  /** Of the result. */
  readonly sha256: string;
}

const { values } = parseArgs({
  options: {
    cluster: { type: "string", default: "10P10D" },
    trace: { type: "string" },
    requests: { type: "string", default: "10000" },
    rate: { type: "string", default: "3.4" },
    warm: { type: "boolean", default: false },
  },
});

function generated() {
  const arrivals = { perSecond: Number(values.rate), dispersion: 1, profile: [1], binMs: 0 };
  return generateTrace({ ...parameterPresets.chat, requests: Number(values.requests), arrivals }, 1);
}

const start = performance.now();
const trace = values.trace ? await readTrace(values.trace) : generated();
if (values.warm) createSimulation(trace, { cluster: values.cluster }).run();
const read = performance.now();
const cpu = process.cpuUsage();
const simulation = createSimulation(trace, { cluster: values.cluster });
simulation.run();
const result = simulation.result();
const end = performance.now();
const { user, system } = process.cpuUsage(cpu);
const replay: Replay = {
  seconds: (end - read) / 1000,
  cpuSeconds: (user + system) / 1e6,
  readSeconds: (read - start) / 1000,
  events: result.events,
  virtualSeconds: result.virtualMs / 1000,
  peakMiB: process.resourceUsage().maxRSS / 1024,
  decideP99Micros: simulation.timing().decisionMicros.p99 ?? Number.NaN,
  completed: result.requests.completed,
  sha256: createHash("sha256").update(JSON.stringify(result)).digest("hex"),
};
console.log(JSON.stringify(replay));
