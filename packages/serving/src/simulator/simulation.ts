import { ConfigError } from "../costs/config-error.ts";
import { type CostModel, costModel } from "../costs/index.ts";
import type { Trace, TraceRequest } from "../traces/types.ts";
import { type Cluster, reportMs } from "./cluster.ts";
import { parseCluster, type SimulationConfig, type SimulationInput, simulationConfig } from "./config.ts";
import { CoupledCluster } from "./coupled-cluster.ts";
import { EventQueue } from "./event-queue.ts";
import { createJob } from "./job.ts";
import { kinds } from "./kinds.ts";
import { Metrics } from "./metrics.ts";
import { coupledNotModelled, splitNotModelled } from "./not-modelled.ts";
import type { SimulationProgress, SimulationResult, SimulationTiming } from "./result.ts";
import { Series } from "./series.ts";
import { SplitCluster } from "./split-cluster.ts";

export interface SimulationOptions {
  /** What the hardware obeys; default: the cost model that the configuration names. */
  readonly cost?: CostModel;
  /** ms of wall time; what it gives goes into {@link SimulationTiming} only. */
  readonly wallClock?: () => number;
  /** Checks all invariants at every sample. Slow; for tests. */
  readonly checked?: boolean;
}

/** A simulation that runs as far as it is told to. */
export interface Simulation {
  readonly config: SimulationConfig;
  /** Handles so many events, or all. @returns whether there are more. */
  run(events?: number): boolean;
  progress(): SimulationProgress;
  /** Of what has happened so far: of all, once {@link run} has returned false. */
  result(): SimulationResult;
  timing(): SimulationTiming;
}

/**
 * Prepares the replay of a trace on a cluster in virtual time. Nothing runs until {@link Simulation.run}.
 *
 * @throws ConfigError naming the field that cannot be, and its limit: a cluster that cannot hold the model, an SLO below the cost
 *   model's floor.
 * @example
 * const simulation = createSimulation(await readTrace("requests.jsonl"), { cluster: "10P10D" });
 * while (simulation.run(100_000)) console.error(simulation.progress());
 * console.log(simulation.result().attainment);
 */
export function createSimulation(trace: Trace, input: SimulationInput, options: SimulationOptions = {}): Simulation {
  const config = simulationConfig(input);
  const cost = options.cost ?? costModel(config);
  checkLimits(config, cost);
  const wallClock = options.wallClock ?? (() => performance.now());
  const events = new EventQueue();
  const metrics = new Metrics(trace.info, config.ttftLimitMs, config.tbtLimitMs);
  const series = new Series(config.sampleMs);
  const context = { config, cost, trace: trace.info, events, metrics, wallClock };
  const split = parseCluster(config.cluster).coupled === 0;
  const cluster: Cluster = split ? new SplitCluster(context) : new CoupledCluster(context);
  const requests = trace.requests[Symbol.iterator]();
  let next: TraceRequest | null = null;
  let lastArrivalMs = 0;
  let handled = 0;
  let wallMs = 0;

  function pull(): void {
    const item = requests.next();
    next = item.done ? null : item.value;
    if (!next) return;
    checkRequest(next, lastArrivalMs, trace.info.blockSize);
    lastArrivalMs = next.arrivalMs;
    events.push(next.arrivalMs, kinds.arrival, 0);
  }

  function handle(): void {
    const { kind, subject, version, now } = events;
    handled++;
    if (kind === kinds.arrival) {
      const request = next as TraceRequest;
      metrics.arrived(request);
      cluster.arrive(createJob(request, now), now);
      pull();
    } else if (kind === kinds.sample) {
      series.add(now, cluster.sample(now), metrics);
      if (options.checked) cluster.checkIntegrity();
      if (!isOver()) events.push(now + config.sampleMs, kinds.sample, 0);
    } else if (kind === kinds.report) {
      cluster.report(now);
      if (!isOver()) events.push(now + reportMs, kinds.report, 0);
    } else cluster.handle(kind, subject, version, now);
  }

  function done(): number {
    return metrics.completed + metrics.rejected + metrics.impossible;
  }

  function isOver(): boolean {
    return next === null && done() === metrics.total;
  }

  pull();
  events.push(config.sampleMs, kinds.sample, 0);
  events.push(reportMs, kinds.report, 0);

  return {
    config,
    run(count = Number.POSITIVE_INFINITY) {
      const start = wallClock();
      let left = count;
      while (left-- > 0 && !isOver() && events.next()) handle();
      wallMs += wallClock() - start;
      if (isOver()) return false;
      if (events.size === 0)
        throw new Error(`nothing will happen any more, but ${metrics.total - done()} requests are not done`);
      return true;
    },
    progress: () => ({ atMs: events.now, spanMs: trace.info.spanMs, arrived: metrics.total, finished: done() }),
    result() {
      const virtualMs = metrics.lastEndMs;
      return {
        version: 1,
        config,
        trace: trace.info,
        cost: { name: cost.name, version: cost.version, notes: cost.notes },
        policy: config.policy,
        admission: config.admission,
        virtualMs,
        events: handled,
        requests: metrics.requests(),
        latencies: metrics.latencies(),
        attainment: metrics.attainment(virtualMs),
        cache: {
          ...metrics.cache(),
          evictedBlocks: cluster.evictedBlocks(),
          storedBlocks: cluster.storedBlocks(),
          hotBlocks: metrics.hottestBlocks(100).map((hot) => ({ ...hot, replicas: cluster.replicas(hot.block) })),
        },
        transfers: cluster.transfers(events.now),
        series: series.result(),
        oscillation: series.oscillation(lastArrivalMs),
        nodes: cluster.nodes(events.now),
        roleSwitches: cluster.roleSwitches,
        predictions: metrics.predictions(),
        notModelled: split ? splitNotModelled : coupledNotModelled,
      };
    },
    timing: () => ({
      wallMs,
      eventsPerSecond: (1000 * handled) / wallMs,
      speedup: metrics.lastEndMs / wallMs,
      decisionMicros: metrics.decisionMicros().distribution(),
    }),
  };
}

/** Replays a trace to its end: see {@link createSimulation}. */
export function simulate(
  trace: Trace,
  input: SimulationInput,
  options?: SimulationOptions,
): { result: SimulationResult; timing: SimulationTiming } {
  const simulation = createSimulation(trace, input, options);
  simulation.run();
  return { result: simulation.result(), timing: simulation.timing() };
}

function checkLimits({ ttftLimitMs, tbtLimitMs }: SimulationConfig, cost: CostModel): void {
  const floors = [
    ["ttftLimitMs", ttftLimitMs, cost.stepMs(1, 0, 0, 0), "the prefill of a prompt of one token"],
    ["tbtLimitMs", tbtLimitMs, cost.stepMs(0, 0, 1, 1), "a decode step of one sequence"],
  ] as const;
  for (const [field, limit, floor, what] of floors) {
    if (limit < floor) {
      throw new ConfigError(
        field,
        `${limit} ms is below ${floor.toFixed(1)} ms, which ${what} takes by the cost model ${cost.name}; no request could keep it`,
      );
    }
  }
}

/** @throws RangeError naming the request, the field and the limit. */
function checkRequest(
  { id, arrivalMs, inputTokens, outputTokens, blocks }: TraceRequest,
  lastMs: number,
  blockSize: number,
): void {
  const fail = (field: string, value: number, expected: string) => {
    throw new RangeError(`request ${id} of the trace: ${field} is ${value}, expected ${expected}`);
  };
  if (!(arrivalMs >= lastMs))
    fail("arrivalMs", arrivalMs, `at least ${lastMs}, the one before: time never goes backwards`);
  if (!(Number.isSafeInteger(inputTokens) && inputTokens >= 1)) fail("inputTokens", inputTokens, "an integer ≥ 1");
  if (!(Number.isSafeInteger(outputTokens) && outputTokens >= 1)) fail("outputTokens", outputTokens, "an integer ≥ 1");
  const most = Math.ceil(inputTokens / blockSize);
  if (blocks.length > most) fail("blocks", blocks.length, `at most ${most} blocks of ${blockSize} tokens`);
}
