import { ConfigError } from "../costs/config-error.ts";
import type { ViewEvent } from "../view/index.ts";
import type { ClusterContext } from "./cluster.ts";
import { parseCluster } from "./config.ts";
import { DecodeBatch } from "./decode-batch.ts";
import { DecodeInstance } from "./decode-instance.ts";
import type { Job } from "./job.ts";
import { kinds } from "./kinds.ts";
import { PrefillInstance } from "./prefill-instance.ts";
import { SplitWorker } from "./split-worker.ts";

/** What workers call back. */
export interface SplitHost {
  send(event: ViewEvent): void;
  begin(worker: SplitWorker, job: Job, nowMs: number): void;
  began(job: Job, nowMs: number): void;
  decoded(job: Job, nowMs: number, tbtMs: number | null): void;
}

/** Makes the workers of a split cluster, prefill first; each has joined. @throws ConfigError where a node's pool holds no block. */
export function createWorkers(context: ClusterContext, host: SplitHost): { workers: SplitWorker[]; nodes: number[] } {
  const { config, cost, trace, events, metrics } = context;
  const shape = parseCluster(config.cluster);
  const group = config.prefillGroup;
  const instances = shape.prefill / group;
  const blockBytes = trace.blockSize * cost.kvBytesPerToken;
  const blocksIn = (gib: number) => Math.floor((gib * 2 ** 30) / blockBytes);
  if (blocksIn(config.dramGiB) < 1) {
    const needed = (blockBytes / 2 ** 30).toFixed(3);
    throw new ConfigError(
      "dramGiB",
      `${config.dramGiB} hold no block of ${trace.blockSize} tokens, which is ${needed} GiB`,
    );
  }
  const scratch = { values: new Float64Array(4096) };
  const nodes = Array.from({ length: instances + shape.decode }, (_, id) => (id < instances ? group : 1));
  const workers = nodes.map((count, id) => {
    const prefills = id < instances;
    const prefill = new PrefillInstance(
      cost,
      { stages: count, chunkTokens: config.prefillChunkTokens, layerwise: config.layerwise },
      {
        scheduleFree: (atMs) => events.push(atMs, kinds.stageFree, id),
        scheduleComputed: (atMs, job) => events.push(atMs, kinds.computed, job.slot),
        begin: (job, nowMs) => host.begin(workers[id], job, nowMs),
        began: host.began,
      },
    );
    const decode = new DecodeInstance(new DecodeBatch(metrics.intervals, scratch), cost, config.maxDecodeBatch, {
      schedule: (atMs, version) => events.push(atMs, kinds.steps, id, version),
      finished: host.decoded,
      preempted: () => {
        metrics.preemptions++;
      },
    });
    const worker: SplitWorker = new SplitWorker(
      id,
      prefills ? `prefill ${id}` : `decode ${id - instances}`,
      prefills ? "prefill" : "decode",
      {
        dramBlocks: count * blocksIn(config.dramGiB),
        ssdBlocks: count * blocksIn(config.ssdGiB),
        eviction: config.eviction,
      },
      prefill,
      decode,
      host.send,
    );
    worker.emit(0, {
      kind: "joined",
      role: worker.role,
      name: worker.name,
      kvCapacityTokens: cost.kvCapacityTokens,
      egressBytesPerMs: count * cost.networkBytesPerMs,
      ingressBytesPerMs: count * cost.networkBytesPerMs,
      ssdBytesPerMs: count * cost.ssdBytesPerMs,
    });
    return worker;
  });
  return { workers, nodes };
}
