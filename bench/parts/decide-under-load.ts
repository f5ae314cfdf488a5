import {
  type AdmissionName,
  applyEvent,
  checkView,
  conductorId,
  createConductor,
  createOutputPredictor,
  createView,
  type Decision,
  type Estimators,
  type PolicyName,
  transferEstimator,
  type ViewEvent,
} from "@baltoro/serving";
import { BlockChurn, type BlockEvent, percentile, type TraceLine } from "./conductor-load.ts";

export const blockTokens = 512;
export const blocksHeld = 1_000_000;
export const eventsPerSecond = 100_000;
/** Requests of the trace that bring KV events, per one that is decided: coprime with its 12,031, so that each is decided in its turn. */
const churnPerDecision = 33;
export const sequencesPerDecoder = 32;
/** LLaMA-70B, 80 layers of 8 KV heads of 128, two bytes each. */
const kvBytesPerToken = 327_680;

/** llama2-70b on 8 A100, fitted to Splitwise's measurements. */
const estimators: Estimators = {
  prefill: {
    prefillMs(input, prefix) {
      const known = Math.min(prefix, input - 1);
      return 37.5 + 0.10679 * (input - known) + 9.463e-6 * (input * input - known * known);
    },
  },
  decode: { stepMs: (batch, context) => 44.24 + 0.237 * batch + 3.03e-4 * context },
  transfer: transferEstimator({ kvBytesPerToken }),
  output: createOutputPredictor({ priorMean: 343 }),
  kvBytesPerToken,
};

export interface Load {
  readonly workers: number;
  readonly decide: { readonly p50: number; readonly p90: number; readonly p99: number; readonly max: number };
  readonly p99s: readonly number[];
  readonly rejected: number;
  readonly hitTokens: number;
  readonly nanosPerEvent: number;
  readonly kvEvents: number;
  readonly threadShare: number;
  readonly indexMiB: number;
}

/** Decisions in virtual time; the pool's speed is such that it is 70% busy at the rate at which the KV events come. */
export function decideUnderLoad(
  trace: readonly TraceLine[],
  workers: number,
  decisions: number,
  policy: PolicyName,
  admission: AdmissionName,
): Load {
  const prefillers = workers / 2;
  const churn = new BlockChurn(trace, prefillers, blocksHeld, 1_400_000);
  const newBlocks = trace.reduce((max, { blocks }) => Math.max(max, ...blocks), 0) / trace.length;
  const intervalMs = (2 * newBlocks * churnPerDecision * 1000) / eventsPerSecond;
  // A token takes as long as keeps so many sequences on each decode worker; t_d is the mean time.
  const meanOutput = trace.reduce((sum, { outputTokens }) => sum + outputTokens, 0) / trace.length;
  const tokenMs = (sequencesPerDecoder * (workers - prefillers) * intervalMs) / meanOutput;
  const decodeTimeMs = meanOutput * tokenMs;
  const conductor = createConductor({
    policy,
    admission,
    decodeTimeMs,
    ttftLimitMs: 30_000,
    tbtLimitMs: 300,
    blockTokens,
    estimators,
  });
  const view = createView({ blockTokens, kvBytesPerToken, blockCapacity: 1_400_001 });
  const sequences = new Int32Array(workers + 1);
  const meanMs =
    trace.reduce((sum, { inputTokens }) => sum + estimators.prefill.prefillMs(inputTokens, 0), 0) / trace.length;
  let nowMs = 0;
  const tell = (event: ViewEvent) => {
    const { status } = applyEvent(view, event);
    if (status !== "applied") throw new Error(`${event.kind} event was not applied: ${status}`);
  };
  const head = (worker: number) => ({ worker, sequence: sequences[worker < 0 ? workers : worker]++, atMs: nowMs });
  for (let worker = 0; worker < workers; worker++) {
    tell({
      kind: "joined",
      role: worker < prefillers ? "prefill" : "decode",
      egressBytesPerMs: 1e8,
      ingressBytesPerMs: 1e8,
      prefillSpeed: meanMs / (0.7 * prefillers * intervalMs),
      ...head(worker),
    });
  }
  // Every prefill worker has the system prompt.
  for (let worker = 0; worker < prefillers; worker++)
    tell({ kind: "stored", tier: "dram", blocks: [0], ...head(worker) });
  const apply = ({ stored, worker, block }: BlockEvent) => {
    tell({ kind: stored ? "stored" : "removed", tier: "dram", blocks: [block], ...head(worker) });
  };
  while (!churn.full) churn.next(apply);
  const pending = new Agenda();
  // As if it had run for long: sequences that have come one after the other, and go so.
  for (let k = 0; k < sequencesPerDecoder; k++) {
    nowMs += decodeTimeMs / sequencesPerDecoder;
    for (let worker = prefillers; worker < workers; worker++) {
      const answer = conductor.decide(view, { id: 1e9 + k * workers + worker, inputTokens: 10_000, blocks: [] }, nowMs);
      if (answer.kind === "rejection") throw new Error("an idle cluster turned a request away");
      tell({ kind: "assigned", decision: { ...answer, decode: worker }, ...head(conductorId) });
      tell({ kind: "transferred", leg: "handoff", request: answer.request, ...head(worker) });
      const { request } = answer;
      pending.add(nowMs + decodeTimeMs, () =>
        tell({ kind: "finished", request, outcome: "complete", outputTokens: 300, ...head(worker) }),
      );
    }
  }

  const warmUp = Math.min(1000, decisions);
  const times = new Float64Array(decisions);
  let rejected = 0;
  let hit = 0;
  let input = 0;
  let kvMs = 0;
  let kvEvents = 0;
  const batch: ViewEvent[] = [];
  for (let i = -warmUp; i < decisions; i++) {
    // Made first, so that only their application is timed.
    batch.length = 0;
    const make = ({ stored, worker, block }: BlockEvent) => {
      batch.push({ kind: stored ? "stored" : "removed", tier: "dram", blocks: [block], ...head(worker) });
    };
    for (let k = 1; k < churnPerDecision; k++) churn.next(make);
    const start = performance.now();
    for (const event of batch) applyEvent(view, event);
    if (i >= 0) {
      kvMs += performance.now() - start;
      kvEvents += batch.length;
    }
    nowMs += intervalMs;
    pending.runUntil(nowMs);
    const request = { id: i + warmUp, inputTokens: churn.current.inputTokens, blocks: churn.nextBlocks() };
    const { outputTokens } = churn.current;
    const before = performance.now();
    const answer = conductor.decide(view, request, nowMs);
    const took = performance.now() - before;
    if (i >= 0) times[i] = took * 1000;
    if (answer.kind === "decision") {
      tell({ kind: "assigned", decision: answer, ...head(conductorId) });
      live(answer, outputTokens);
    }
    if (i >= 0) {
      if (answer.kind === "rejection") rejected++;
      hit += answer.terms?.prefixTokens ?? 0;
      input += request.inputTokens;
    }
    churn.next(apply);
  }
  checkView(view);
  const total = times.reduce((sum, value) => sum + value, 0);
  times.sort();
  return {
    workers,
    decide: {
      p50: percentile(times, 50),
      p90: percentile(times, 90),
      p99: percentile(times, 99),
      max: times[times.length - 1],
    },
    p99s: [],
    rejected,
    hitTokens: hit / input,
    nanosPerEvent: (kvMs * 1e6) / kvEvents,
    kvEvents,
    threadShare: (kvMs / kvEvents / 1000) * eventsPerSecond + total / 1000 / (decisions * intervalMs),
    indexMiB: view.index.bytes / 2 ** 20,
  };

  /** A request's life after its decision. */
  function live({ request, prefill, decode, terms }: Decision, outputTokens: number): void {
    const at = (atMs: number, event: () => ViewEvent) => pending.add(atMs, () => tell(event()));
    const arrivalMs = nowMs + terms.ttftMs + terms.handoffMs;
    at(nowMs + terms.ttftMs, () => ({ kind: "prefilled", request, ...head(prefill) }));
    at(arrivalMs, () => ({ kind: "transferred", leg: "handoff", request, ...head(decode) }));
    at(arrivalMs + outputTokens * tokenMs, () => ({
      kind: "finished",
      request,
      outcome: "complete",
      outputTokens,
      ...head(decode),
    }));
  }
}

/** What is to happen at a time, soonest first. */
class Agenda {
  private readonly due: { readonly atMs: number; readonly act: () => void }[] = [];

  add(atMs: number, act: () => void): void {
    let at = this.due.length;
    while (at > 0 && this.due[at - 1].atMs < atMs) at--;
    this.due.splice(at, 0, { atMs, act });
  }

  runUntil(nowMs: number): void {
    for (let last = this.due.at(-1); last && last.atMs <= nowMs; last = this.due.at(-1)) {
      this.due.pop();
      last.act();
    }
  }
}
