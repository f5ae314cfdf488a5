/**
 * Time of a decision at 16, 256 and 1,000 workers with 1M blocks in the index, while 100,000 KV events a second are applied in the same
 * thread; and of three designs of the prefix index. `--trace FILE`, `--decisions N`, `--repeat N`, `--admission NAME`, `--policy NAME`,
 * `--workers 16,256,1000`; the designs of the index are compared if neither decisions nor workers are given.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  type AdmissionName,
  applyEvent,
  chainRoot,
  checkView,
  conductorId,
  createConductor,
  createOutputPredictor,
  createView,
  type Decision,
  type Estimators,
  hashBlocks,
  type PolicyName,
  PrefixIndex,
  PrefixMatch,
  transferEstimator,
  type ViewEvent,
} from "@baltoro/serving";
import { type BenchOptions, type BenchResult, figure, textTable } from "./harness.ts";
import { BlockChurn, type BlockEvent, percentile, readTraceLines, type TraceLine } from "./parts/conductor-load.ts";
import { BitsetIndex, RadixIndex } from "./parts/prefix-indexes.ts";

setFlagsFromString("--expose-gc");
/** Collects garbage now, so that what is left can be measured. */
const collect = runInNewContext("gc") as () => void;

const conversation = join(import.meta.dirname, "../../shared/data/traces/conversation_trace.jsonl");
const blockTokens = 512;
const blocksHeld = 1_000_000;
const eventsPerSecond = 100_000;
/** Requests of the trace that bring KV events, per one that is decided: coprime with its 12,031, so that each is decided in its turn. */
const churnPerDecision = 33;
const sequencesPerDecoder = 32;
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

interface Load {
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

export async function run({ args }: BenchOptions): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      trace: { type: "string" },
      decisions: { type: "string" },
      repeat: { type: "string" },
      admission: { type: "string" },
      policy: { type: "string" },
      workers: { type: "string" },
    },
  });
  const path = values.trace ?? conversation;
  if (!existsSync(path)) throw new Error(`${path} is missing: --trace names a trace in Mooncake's JSONL`);
  const trace = readTraceLines(path);
  const decisions = Number(values.decisions ?? trace.length);
  const repeat = Number(values.repeat ?? 3);
  const policy = (values.policy ?? "min") as PolicyName;
  const admission = (values.admission ?? "predictive") as AdmissionName;
  const sizes = values.workers?.split(",").map(Number) ?? [16, 256, 1000];
  const loads = sizes.map((workers) => {
    const runs = Array.from({ length: repeat }, () => underLoad(trace, workers, decisions, policy, admission));
    const best = runs.reduce((least, one) => (one.decide.p99 < least.decide.p99 ? one : least));
    return { ...best, p99s: runs.map((one) => one.decide.p99) };
  });
  const indexes =
    values.decisions || values.workers ? [] : [256, 1000].flatMap((workers) => compareIndexes(trace, workers));
  const hashing = hashTime(trace);
  const at256 = loads.find(({ workers }) => workers === 256);
  return {
    figures: { policy, admission, decisions, blocksHeld, eventsPerSecond, loads, indexes, hashing },
    checks: at256 ? [{ name: "decideP99Micros256", value: at256.decide.p99, atMost: 50 }] : [],
    lines: [
      `${decisions} decisions of ${policy} with ${admission} admission; ${figure(blocksHeld)} blocks in the index, ${sequencesPerDecoder} sequences on each decode worker; least p99 of ${repeat} runs`,
      ...textTable(
        [
          "workers",
          "p50 µs",
          "p90 µs",
          "p99 µs",
          "max µs",
          "p99 of each run",
          "ns/event",
          "events/s",
          "thread at 100k/s",
          "rejected",
          "prefix hit",
          "index MiB",
        ],
        loads.map((load) => [
          String(load.workers),
          ...[load.decide.p50, load.decide.p90, load.decide.p99, load.decide.max].map(figure),
          load.p99s.map((value) => value.toFixed(1)).join(" "),
          figure(load.nanosPerEvent),
          figure(1e9 / load.nanosPerEvent),
          `${(load.threadShare * 100).toFixed(1)}%`,
          String(load.rejected),
          `${(load.hitTokens * 100).toFixed(1)}%`,
          figure(load.indexMiB),
        ]),
      ),
      "",
      "prefix index: the longest prefix on every worker, and one block stored or removed",
      ...textTable(
        ["workers", "design", "walk p50 µs", "walk p99 µs", "ns/event", "heap and buffers MiB", "same answer"],
        indexes.map((one) => [
          String(one.workers),
          one.design,
          figure(one.walkP50Micros),
          figure(one.walkP99Micros),
          figure(one.nanosPerEvent),
          figure(one.mebibytes),
          `${(one.sameAnswers * 100).toFixed(1)}%`,
        ]),
      ),
      "",
      `hashing (apart): ${figure(hashing.microsPerRequest)} µs for a request of ${figure(hashing.meanTokens)} tokens on average, ${figure(hashing.microsPerBlock)} µs a block of ${blockTokens}`,
    ],
  };
}

/** Decisions in virtual time; the pool's speed is such that it is 70% busy at the rate at which the KV events come. */
function underLoad(
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

interface IndexFigures {
  readonly workers: number;
  readonly design: string;
  readonly walkP50Micros: number;
  readonly walkP99Micros: number;
  readonly nanosPerEvent: number;
  readonly mebibytes: number;
  readonly sameAnswers: number;
}

/** The same events and walks through three designs. */
function compareIndexes(trace: readonly TraceLine[], workers: number): IndexFigures[] {
  const prefix = new Int32Array(workers);
  const packed = () => {
    const index = new PrefixIndex(1024);
    const match = new PrefixMatch();
    return {
      add: (worker: number, block: number) => void index.add(worker, block, "dram"),
      remove: (worker: number, block: number) => void index.remove(worker, block, "dram"),
      walk(blocks: Int32Array) {
        index.walk(blocks, match);
        return match.prefix;
      },
    };
  };
  const plain = (index: BitsetIndex | RadixIndex) => ({
    add: (worker: number, block: number, parent: number) => index.add(worker, block, parent),
    remove: (worker: number, block: number) => index.remove(worker, block),
    walk(blocks: Int32Array) {
      index.walk(blocks, prefix);
      return prefix;
    },
  });
  const wanted: number[] = [];
  return [
    { design: "packed entries, rows for hot blocks (kept)", make: packed },
    { design: "map of ids to bitsets", make: () => plain(new BitsetIndex(workers)) },
    { design: "radix tree", make: () => plain(new RadixIndex()) },
  ].map(({ design, make }) => {
    collect();
    const before = memory();
    const index = make();
    // Ids are not used again here: a tree may still know an old one.
    const churn = new BlockChurn(trace, workers, blocksHeld, 4_000_000);
    for (let worker = 0; worker < workers; worker++) index.add(worker, 0, -1);
    const apply = ({ stored, worker, block, parent }: BlockEvent) =>
      stored ? index.add(worker, block, parent) : index.remove(worker, block);
    while (!churn.full) churn.next(apply);
    collect();
    const mebibytes = (memory() - before) / 2 ** 20;
    const times: number[] = [];
    const batch: BlockEvent[] = [];
    let ms = 0;
    let events = 0;
    let same = 0;
    for (let i = 0; i < 20_000; i++) {
      batch.length = 0;
      churn.next((event) => batch.push(event));
      let start = performance.now();
      for (const event of batch) apply(event);
      ms += performance.now() - start;
      events += batch.length;
      const blocks = churn.nextBlocks();
      start = performance.now();
      const found = index.walk(blocks);
      times.push((performance.now() - start) * 1000);
      let sum = 0;
      for (let worker = 0; worker < workers; worker++) sum += (worker + 1) * (found[worker] ?? 0);
      if (wanted.length === i) wanted.push(sum);
      if (wanted[i] === sum) same++;
    }
    const sorted = Float64Array.from(times.slice(2000)).sort();
    return {
      workers,
      design,
      walkP50Micros: percentile(sorted, 50),
      walkP99Micros: percentile(sorted, 99),
      nanosPerEvent: (ms * 1e6) / events,
      mebibytes,
      sameAnswers: same / wanted.length,
    };
  });
}

function memory(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function hashTime(trace: readonly TraceLine[]) {
  const chosen = trace.filter((_, i) => i % 40 === 0);
  const prompts = chosen.map(({ inputTokens }, r) =>
    Int32Array.from({ length: inputTokens }, (_, i) => Math.imul(i + 1, r + 7) >>> 8),
  );
  const root = chainRoot({ model: "llama2-70b", blockTokens });
  let best = Number.POSITIVE_INFINITY;
  let blocks = 0;
  for (let round = 0; round < 3; round++) {
    blocks = 0;
    const start = performance.now();
    for (const prompt of prompts) blocks += hashBlocks(root, prompt, blockTokens).count;
    best = Math.min(best, performance.now() - start);
  }
  return {
    meanTokens: chosen.reduce((sum, { inputTokens }) => sum + inputTokens, 0) / chosen.length,
    microsPerRequest: (best * 1000) / chosen.length,
    microsPerBlock: (best * 1000) / blocks,
  };
}
