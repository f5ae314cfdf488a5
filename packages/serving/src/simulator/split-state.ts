import type { CostModel } from "../costs/types.ts";
import type { ClusterSample } from "./cluster.ts";
import type { SimulationConfig } from "./config.ts";
import type { KvFlows } from "./kv-flows.ts";
import type { NodeResult } from "./result.ts";
import type { SplitWorker } from "./split-worker.ts";

/** @param meanMs - Mean predicted prefill of the requests so far: what a new one would add to a queue. */
export function splitSample(
  workers: readonly SplitWorker[],
  flows: KvFlows,
  meanMs: number,
  { ttftLimitMs, tbtLimitMs }: SimulationConfig,
  cost: CostModel,
  nowMs: number,
): ClusterSample {
  const sample: ClusterSample = {
    prefillQueue: 0,
    decodeBatch: 0,
    decodeQueue: 0,
    prefillLoad: 0,
    decodeLoad: 0,
    prefillBusyMs: 0,
    prefillInstances: 0,
    carriedBytes: flows.links.carriedBytes(nowMs),
    linkCapacity: flows.networkCapacity,
  };
  let decoders = 0;
  for (const { role, prefill, decode } of workers) {
    sample.prefillQueue += prefill.length;
    sample.decodeBatch += decode.batch.size;
    sample.decodeQueue += decode.waiting.length;
    sample.prefillBusyMs += prefill.busyUntil(nowMs);
    if (role === "prefill") {
      sample.prefillInstances++;
      sample.prefillLoad += (prefill.backlogMs(nowMs) + meanMs) / ttftLimitMs;
    } else if (role === "decode") {
      decoders++;
      const { size, context } = decode.batch;
      if (size > 0) sample.decodeLoad += cost.stepMs(0, 0, size, context) / tbtLimitMs;
    }
  }
  sample.prefillLoad /= Math.max(1, sample.prefillInstances);
  sample.decodeLoad /= Math.max(1, decoders);
  return sample;
}

export function splitNodes(workers: readonly SplitWorker[], flows: KvFlows, nowMs: number): NodeResult[] {
  const share = (ms: number) => (nowMs === 0 ? 0 : Math.min(1, ms / nowMs));
  return workers.map((worker) => ({
    worker: worker.id,
    name: worker.name,
    role: worker.role,
    prefillUtilization: share(worker.prefill.busyMs),
    decodeUtilization: share(worker.decode.busyMs),
    prefills: worker.prefill.count,
    decodes: worker.decodes,
    hitTokens: worker.hitTokens,
    evictedBlocks: worker.evicted.dram + worker.evicted.ssd,
    blocksAtEnd: worker.pool.size,
    sentBytes: flows.sent[worker.id],
    receivedBytes: flows.received[worker.id],
    meanDecodeBatch: worker.decode.busyMs === 0 ? 0 : worker.decode.sequenceMs / worker.decode.busyMs,
  }));
}
