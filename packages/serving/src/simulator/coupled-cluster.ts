import { createPool, type KvPool } from "../pool/index.ts";
import { uniformAt } from "../traces/random.ts";
import type { Cluster, ClusterContext, ClusterSample } from "./cluster.ts";
import { parseCluster } from "./config.ts";
import { CoupledInstance } from "./coupled-instance.ts";
import { DecodeBatch } from "./decode-batch.ts";
import type { Job } from "./job.ts";
import { kinds } from "./kinds.ts";
import type { NodeResult, RoleSwitch, TransferResult } from "./result.ts";

interface CoupledNode {
  readonly instance: CoupledInstance;
  evicted: number;
  stored: number;
  hitTokens: number;
  /** Jobs that are on it. */
  jobs: number;
}

/** Coupled nodes behind a plain router, as a fleet of vLLM: no conductor, no pool across nodes, nobody is turned away. */
export class CoupledCluster implements Cluster {
  readonly #context: ClusterContext;
  readonly #nodes: readonly CoupledNode[];
  readonly #owner = new Map<Job, CoupledNode>();
  readonly roleSwitches: RoleSwitch[] = [];
  #backlogSum = 0;
  #backlogCount = 0;

  constructor(context: ClusterContext) {
    this.#context = context;
    const { config, cost, trace, events, metrics } = context;
    const scratch = { values: new Float64Array(4096) };
    const { prefixCaching, chunkedPrefill, chunkTokens } = config.coupled;
    const poolBlocks = Math.floor(cost.kvCapacityTokens / trace.blockSize);
    this.#nodes = Array.from({ length: parseCluster(config.cluster).coupled }, (_, id) => {
      const node: CoupledNode = {
        evicted: 0,
        stored: 0,
        hitTokens: 0,
        jobs: 0,
        instance: new CoupledInstance(
          new DecodeBatch(metrics.intervals, scratch),
          cost,
          {
            chunkedPrefill,
            chunkTokens,
            maxBatch: config.maxDecodeBatch,
            blockTokens: trace.blockSize,
            pool: prefixCaching && poolBlocks > 0 ? this.#createPool(poolBlocks, () => node) : null,
          },
          {
            schedule: (atMs, version) => events.push(atMs, kinds.steps, id, version),
            prefilled: (job) => {
              node.hitTokens += job.prefixTokens;
              metrics.prefilled(job, job.prefixTokens, 0, 0, 0);
            },
            finished: (job, nowMs, tbtMs) => {
              node.jobs--;
              this.#owner.delete(job);
              metrics.finished(job, nowMs, tbtMs);
            },
            preempted: (job) => {
              metrics.preemptions++;
              metrics.wasted(job.request.inputTokens + job.generated);
            },
          },
        ),
      };
      return node;
    });
  }

  #createPool(blocks: number, node: () => CoupledNode): KvPool {
    return createPool({
      capacity: { device: blocks },
      eviction: "lru",
      listener: {
        stored: () => {
          node().stored++;
        },
        removed: () => {
          node().evicted++;
        },
      },
    });
  }

  arrive(job: Job, nowMs: number): void {
    const { metrics, cost, wallClock } = this.#context;
    const { inputTokens, outputTokens } = job.request;
    if (inputTokens + outputTokens > cost.kvCapacityTokens) {
      metrics.impossible++;
      return;
    }
    const before = wallClock();
    const node = this.#route(job);
    metrics.decided(1000 * (wallClock() - before));
    job.backlogMs = cost.stepMs(inputTokens, 0, 0, 0);
    this.#backlogSum += job.backlogMs;
    this.#backlogCount++;
    node.jobs++;
    this.#owner.set(job, node);
    node.instance.arrive(job, nowMs);
  }

  handle(kind: number, subject: number, version: number, nowMs: number): void {
    if (kind !== kinds.steps) throw new Error(`an event of kind ${kind} is not of a coupled cluster`);
    this.#nodes[subject].instance.wake(nowMs, version);
  }

  report(): void {}

  sample(): ClusterSample {
    const { config, cost } = this.#context;
    const meanMs = this.#backlogCount === 0 ? 0 : this.#backlogSum / this.#backlogCount;
    const sample: ClusterSample = {
      prefillQueue: 0,
      decodeBatch: 0,
      decodeQueue: 0,
      prefillLoad: 0,
      decodeLoad: 0,
      prefillBusyMs: 0,
      prefillInstances: this.#nodes.length,
      carriedBytes: 0,
      linkCapacity: 0,
    };
    for (const { instance } of this.#nodes) {
      const { size, context } = instance.batch;
      sample.prefillQueue += instance.prefillLength;
      sample.decodeBatch += size;
      sample.prefillBusyMs += instance.busyMs - instance.decodeMs;
      sample.prefillLoad += (instance.backlogMs + meanMs) / config.ttftLimitMs / this.#nodes.length;
      if (size > 0) sample.decodeLoad += cost.stepMs(0, 0, size, context) / config.tbtLimitMs / this.#nodes.length;
    }
    return sample;
  }

  nodes(nowMs: number): NodeResult[] {
    const share = (ms: number) => (nowMs === 0 ? 0 : Math.min(1, ms / nowMs));
    return this.#nodes.map(({ instance, evicted, hitTokens }, worker) => ({
      worker,
      name: `coupled ${worker}`,
      role: "both",
      prefillUtilization: share(instance.busyMs - instance.decodeMs),
      decodeUtilization: share(instance.decodeMs),
      prefills: instance.prefills,
      decodes: instance.prefills,
      hitTokens,
      evictedBlocks: evicted,
      blocksAtEnd: instance.pool?.size ?? 0,
      sentBytes: 0,
      receivedBytes: 0,
      meanDecodeBatch: instance.busyMs === 0 ? 0 : instance.sequenceMs / instance.busyMs,
    }));
  }

  transfers(): TransferResult {
    return {
      prefixBytes: 0,
      handoffBytes: 0,
      ssdBytes: 0,
      flows: 0,
      meanSlowdown: null,
      meanLinkUtilization: 0,
      maxLinkUtilization: 0,
    };
  }

  replicas(block: number): number {
    return this.#nodes.reduce((count, { instance }) => count + (instance.pool?.has(block) ? 1 : 0), 0);
  }

  evictedBlocks() {
    return { device: this.#nodes.reduce((sum, { evicted }) => sum + evicted, 0), dram: 0, ssd: 0 };
  }

  storedBlocks(): number {
    return this.#nodes.reduce((sum, { stored }) => sum + stored, 0);
  }

  checkIntegrity(): void {
    for (const { instance } of this.#nodes) {
      instance.batch.checkIntegrity();
      instance.pool?.checkIntegrity();
    }
  }

  #route(job: Job): CoupledNode {
    const { config, cost, trace } = this.#context;
    const { routing } = config.coupled;
    const { id, inputTokens, blocks } = job.request;
    if (routing === "random") return this.#nodes[Math.floor(uniformAt(config.seed, id) * this.#nodes.length)];
    let best = this.#nodes[0];
    let leastMs = Number.POSITIVE_INFINITY;
    for (const node of this.#nodes) {
      let ms = node.instance.backlogMs;
      if (routing === "local-cache-aware") {
        const prefix = (node.instance.pool?.prefixLength(blocks) ?? 0) * trace.blockSize;
        const cached = Math.min(prefix, inputTokens - 1);
        ms += cost.stepMs(inputTokens - cached, cached, 0, 0);
      }
      // Equal backlogs, as of idle nodes: the fewest sequences.
      if (ms > leastMs || (ms === leastMs && node.jobs >= best.jobs)) continue;
      leastMs = ms;
      best = node;
    }
    return best;
  }
}
