import { type Conductor, createConductor, type Decision } from "../conductor/index.ts";
import { type ClusterView, conductorId, createView } from "../view/index.ts";
import type { Cluster, ClusterContext, ClusterSample } from "./cluster.ts";
import { type FittedEstimators, fitEstimators } from "./estimates.ts";
import type { Job } from "./job.ts";
import { JobTable } from "./job-table.ts";
import { kinds } from "./kinds.ts";
import { type Cargo, KvFlows } from "./kv-flows.ts";
import { applyAll, Mailbox } from "./mailbox.ts";
import { fetchPrefix } from "./prefix-fetch.ts";
import { RoleChanges } from "./role-changes.ts";
import { createWorkers } from "./split-setup.ts";
import { splitNodes, splitSample } from "./split-state.ts";
import type { SplitWorker } from "./split-worker.ts";

/**
 * A cluster as Mooncake's: a conductor whose view lags behind, workers that prefill and workers that decode, and KV that goes
 * between them over links.
 *
 * A request is assigned; its prefix is fetched while it queues; it is prefilled in its turn; its KV goes to the decode worker,
 * layer by layer while it is computed; it decodes.
 */
export class SplitCluster implements Cluster {
  readonly #context: ClusterContext;
  readonly #workers: readonly SplitWorker[];
  readonly #view: ClusterView;
  readonly #mailbox: Mailbox;
  readonly #conductor: Conductor;
  readonly #estimators: FittedEstimators;
  readonly #flows: KvFlows;
  readonly #roles: RoleChanges;
  readonly #jobs = new JobTable();
  readonly #decisions = new Map<Job, Decision>();
  #conductorSequence = 0;
  #backlogSum = 0;
  #backlogCount = 0;

  constructor(context: ClusterContext) {
    this.#context = context;
    const { config, cost, trace, events } = context;
    this.#view = createView({ blockTokens: trace.blockSize, kvBytesPerToken: cost.kvBytesPerToken });
    this.#mailbox = new Mailbox(this.#view, config.eventDelayMs);
    const { workers, nodes } = createWorkers(context, {
      send: (event) => this.#mailbox.send(event),
      begin: (worker, job, nowMs) => this.#beginPrefill(worker, job, nowMs),
      began: (job, nowMs) => {
        if (config.layerwise) this.#startHandoff(job, nowMs, job.prefillMs);
      },
      decoded: (job, nowMs, tbtMs) => this.#finish(job, nowMs, tbtMs),
    });
    this.#workers = workers;
    this.#mailbox.deliver(Number.POSITIVE_INFINITY);
    this.#flows = new KvFlows(cost, nodes, events);
    const [first] = workers;
    this.#estimators = fitEstimators(cost, (newTokens, prefixTokens) => first.prefill.aloneMs(newTokens, prefixTokens));
    this.#conductor = createConductor({
      policy: config.policy,
      admission: config.admission,
      ttftLimitMs: config.ttftLimitMs,
      tbtLimitMs: config.tbtLimitMs,
      blockTokens: trace.blockSize,
      estimators: this.#estimators,
      balancingThreshold: config.balancingThreshold,
      layerwiseHandoff: config.layerwise,
      decodeTimeMs: config.decodeTimeMs,
      seed: config.seed,
    });
    this.#roles = new RoleChanges(config, this.#view, this.#estimators, workers);
  }

  get roleSwitches() {
    return this.#roles.switches;
  }

  arrive(job: Job, nowMs: number): void {
    const { metrics, cost, trace, wallClock } = this.#context;
    const { id, inputTokens, outputTokens, blocks } = job.request;
    if (inputTokens + outputTokens > cost.kvCapacityTokens) {
      metrics.impossible++;
      return;
    }
    this.#mailbox.deliver(nowMs);
    const before = wallClock();
    const answer = this.#conductor.decide(this.#view, { id, inputTokens, blocks }, nowMs);
    metrics.decided(1000 * (wallClock() - before));
    if (answer.kind === "rejection") {
      metrics.rejectedAt(answer.stage, answer.limit, nowMs);
      return;
    }
    const { prefill, decode, terms } = answer;
    applyAll(this.#view, {
      kind: "assigned",
      worker: conductorId,
      sequence: this.#conductorSequence++,
      atMs: nowMs,
      decision: answer,
    });
    this.#jobs.add(job);
    this.#decisions.set(job, answer);
    job.prefillWorker = prefill;
    job.decodeWorker = decode;
    job.predictedTtftMs = terms.ttftMs;
    job.predictedTbtMs = terms.tbtMs;
    job.backlogMs = terms.prefillMs;
    this.#backlogSum += terms.prefillMs;
    this.#backlogCount++;
    const worker = this.#workers[prefill];
    worker.assigned++;
    this.#workers[decode].assigned++;
    const blockBytes = trace.blockSize * cost.kvBytesPerToken;
    fetchPrefix(this.#workers, this.#flows, blockBytes, job, answer, nowMs);
    worker.prefill.add(job, nowMs);
  }

  handle(kind: number, subject: number, version: number, nowMs: number): void {
    if (kind === kinds.flowEnd) {
      const cargo = this.#flows.arrived(subject, version, nowMs);
      if (cargo) this.#arrived(cargo, nowMs);
    } else if (kind === kinds.steps) this.#workers[subject].decode.wake(nowMs, version);
    else if (kind === kinds.computed) this.#computed(this.#jobs.at(subject), nowMs);
    else if (kind === kinds.stageFree) this.#workers[subject].prefill.free(nowMs);
    else throw new Error(`an event of kind ${kind} is not of a split cluster`);
  }

  report(nowMs: number): void {
    for (const worker of this.#workers) worker.report(nowMs, this.#context.cost);
    this.#mailbox.deliver(nowMs);
    this.#roles.look(nowMs);
  }

  sample(nowMs: number): ClusterSample {
    const meanMs = this.#backlogCount === 0 ? 0 : this.#backlogSum / this.#backlogCount;
    const { config, cost } = this.#context;
    return splitSample(this.#workers, this.#flows, meanMs, config, cost, nowMs);
  }

  nodes(nowMs: number) {
    return splitNodes(this.#workers, this.#flows, nowMs);
  }

  transfers(nowMs: number) {
    return this.#flows.result(nowMs);
  }

  replicas(block: number): number {
    return this.#workers.reduce((count, { pool }) => count + (pool.has(block) ? 1 : 0), 0);
  }

  evictedBlocks() {
    const sum = { device: 0, dram: 0, ssd: 0 };
    for (const { evicted } of this.#workers) {
      sum.dram += evicted.dram;
      sum.ssd += evicted.ssd;
    }
    return sum;
  }

  storedBlocks(): number {
    return this.#workers.reduce((sum, { stored }) => sum + stored, 0);
  }

  checkIntegrity(): void {
    this.#flows.links.checkIntegrity();
    for (const worker of this.#workers) {
      worker.pool.checkIntegrity();
      worker.decode.batch.checkIntegrity();
      if (worker.assigned < 0) throw new Error(`${worker.name} has ${worker.assigned} jobs`);
    }
  }

  #beginPrefill(worker: SplitWorker, job: Job, _nowMs: number): void {
    const { blocks, inputTokens } = job.request;
    // What came while it queued, as others' prompts that begin alike, is there too.
    worker.pinUpTo(job, worker.pool.prefixLength(blocks));
    const prefixBlocks = Math.max(job.pinnedBlocks, job.plannedBlocks);
    job.prefixTokens = Math.min(prefixBlocks * this.#context.trace.blockSize, inputTokens - 1);
    job.computedTokens = inputTokens - job.prefixTokens;
  }

  #startHandoff(job: Job, nowMs: number, prefillMs: number): void {
    const { cost } = this.#context;
    const { prefillWorker: from, decodeWorker: to } = job;
    if (from === to) {
      job.handoffDone = true;
      return;
    }
    const bytes = job.request.inputTokens * cost.kvBytesPerToken;
    // All layers but the last can be there when the prefill ends; the last one's part follows.
    const limit = prefillMs > 0 ? (bytes * Math.max(0.5, 1 - 1 / cost.layers)) / prefillMs : Number.POSITIVE_INFINITY;
    job.handoffFlow = this.#flows.start(
      { job, leg: "handoff", from, to, bytes, firstBlock: 0, endBlock: 0 },
      nowMs,
      limit,
      false,
    );
  }

  #arrived({ job, leg, from, to, firstBlock, endBlock }: Cargo, nowMs: number): void {
    if (leg === "handoff") {
      job.handoffFlow = -1;
      job.handoffDone = true;
      if (job.generated > 0) this.#startDecode(job, nowMs);
      return;
    }
    const worker = this.#workers[to];
    if (leg === "prefix") {
      const { blocks } = job.request;
      this.#workers[from].pool.unpin(blocks, firstBlock, endBlock);
      worker.pool.store(blocks, firstBlock, endBlock, nowMs);
      worker.pinUpTo(job, Math.min(endBlock, worker.pool.prefixLength(blocks)));
      worker.tell(nowMs);
      worker.emit(nowMs, { kind: "transferred", request: job.request.id, leg: "prefix" });
    }
    if (--job.pendingFlows > 0) return;
    if (job.computeDone) {
      this.#context.events.push(nowMs + job.prefillMs / this.#context.cost.layers, kinds.computed, job.slot);
    } else worker.prefill.proceed(nowMs);
  }

  /** The prompt is computed, as far as its prefix has come. */
  #computed(job: Job, nowMs: number): void {
    job.computeDone = true;
    if (job.pendingFlows > 0) return;
    const { request } = job;
    const worker = this.#workers[job.prefillWorker];
    const decoder = this.#workers[job.decodeWorker];
    job.firstTokenMs = nowMs;
    job.lastTokenMs = nowMs;
    job.generated = 1;
    worker.keepPrompt(job, nowMs);
    worker.emit(nowMs, { kind: "prefilled", request: request.id });
    this.#countHits(worker, job);
    worker.prefill.release(job, nowMs);
    worker.assigned--;
    this.#roles.settle(worker, nowMs);
    if (request.outputTokens === 1) {
      this.#cancelHandoff(job, nowMs);
      worker.emit(nowMs, { kind: "finished", request: request.id, outcome: "complete", outputTokens: 1 });
      this.#estimators.output.observe(request.inputTokens, 0, 1);
      this.#context.metrics.finished(job, nowMs, null);
      this.#drop(job, decoder, nowMs);
      return;
    }
    this.#mailbox.deliver(nowMs);
    const rejection = this.#conductor.recheck(this.#view, this.#decisions.get(job) as Decision, nowMs);
    if (rejection) {
      this.#cancelHandoff(job, nowMs);
      worker.emit(nowMs, { kind: "finished", request: request.id, outcome: "rejected", outputTokens: 1 });
      this.#context.metrics.rejectedAt(rejection.stage, rejection.limit, nowMs);
      this.#context.metrics.wasted(job.computedTokens);
      this.#drop(job, decoder, nowMs);
      return;
    }
    if (!this.#context.config.layerwise) this.#startHandoff(job, nowMs, 0);
    if (job.handoffDone) this.#startDecode(job, nowMs);
    else if (this.#context.config.layerwise)
      this.#flows.links.setLimit(nowMs, job.handoffFlow, Number.POSITIVE_INFINITY);
  }

  #countHits(worker: SplitWorker, job: Job): void {
    const { blockSize } = this.#context.trace;
    const remote = Math.min(job.remoteBlocks * blockSize, job.prefixTokens);
    const ssd = Math.min(job.ssdBlocks * blockSize, job.prefixTokens - remote);
    worker.hitTokens += job.prefixTokens;
    this.#context.metrics.prefilled(job, 0, job.prefixTokens - remote - ssd, ssd, remote);
  }

  #cancelHandoff(job: Job, nowMs: number): void {
    if (job.handoffFlow < 0) return;
    this.#flows.cancel(job.handoffFlow, nowMs);
    job.handoffFlow = -1;
  }

  #startDecode(job: Job, nowMs: number): void {
    const worker = this.#workers[job.decodeWorker];
    worker.emit(nowMs, { kind: "transferred", request: job.request.id, leg: "handoff" });
    worker.decode.arrive(job, nowMs);
  }

  #finish(job: Job, nowMs: number, tbtMs: number | null): void {
    const { id, inputTokens, outputTokens } = job.request;
    const worker = this.#workers[job.decodeWorker];
    worker.decodes++;
    this.#estimators.output.observe(inputTokens, 0, outputTokens);
    worker.emit(nowMs, { kind: "finished", request: id, outcome: "complete", outputTokens });
    this.#context.metrics.finished(job, nowMs, tbtMs);
    this.#drop(job, worker, nowMs);
  }

  #drop(job: Job, decoder: SplitWorker, nowMs: number): void {
    decoder.assigned--;
    this.#roles.settle(decoder, nowMs);
    this.#decisions.delete(job);
    this.#jobs.remove(job);
  }
}
