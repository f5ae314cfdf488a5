import { tiers } from "../conductor/types.ts";
import { tierBit } from "../prefix-index/index.ts";
import { firstHeld } from "./stream.ts";
import type { ClusterView } from "./view.ts";
import { floatColumns, intColumns } from "./worker-table.ts";

/** All of a view as plain data, in a fixed order: equal views give equal states. For tests and for looking at it. */
export function viewState(view: ClusterView): Record<string, unknown> {
  const { workers, requests, index } = view;
  return {
    workers: workers.live.map((id) => ({
      id,
      role: workers.role[id],
      name: workers.name[id],
      ...Object.fromEntries([...floatColumns, ...intColumns].map((column) => [column, workers[column][id]])),
      queue: requests.queues[id].map((request) => request.id),
      blocks: Object.fromEntries(tiers.map((tier) => [tier, blocksOf(view, id, tierBit[tier])])),
    })),
    requests: [...requests.byId.values()].toSorted((a, b) => a.id - b.id).map((request) => ({ ...request })),
    streams: view.streams.map((stream) => stream && { epoch: stream.epoch, next: stream.next, held: stream.held.size }),
    blocks: index.blockCount,
  };

  function blocksOf(of: ClusterView, worker: number, bit: number): number[] {
    const found: number[] = [];
    for (let block = 0; block < of.index.blockLimit; block++) {
      if (of.index.tiersOf(worker, block) & bit) found.push(block);
    }
    return found;
  }
}

/** @throws Error naming the first broken invariant. */
export function checkView(view: ClusterView): void {
  const { workers, requests, index } = view;
  index.checkIntegrity();
  const sums = workers.role.map(() => ({
    queued: 0,
    queuedMs: 0,
    batch: 0,
    input: 0,
    start: 0,
    reserved: 0,
    out: 0,
    in: 0,
  }));
  for (const request of requests.byId.values()) {
    const { prefill, decode, inputTokens, outputTokens } = request;
    const { batches, awaited } = requests;
    const listed = request.arrived
      ? batches.find(decode, request.id, batches.firstSince(decode, request.startMs)) >= 0
      : awaited.find(decode, request.id) >= 0;
    if (!listed) throw new Error(`view: request ${request.id} is not with its decode worker ${decode}`);
    if (!request.prefilled) {
      sums[prefill].queued++;
      sums[prefill].queuedMs += request.prefillMs;
    }
    sums[decode].reserved += inputTokens + outputTokens;
    if (request.arrived) {
      sums[decode].batch++;
      sums[decode].input += inputTokens + 1;
      sums[decode].start += request.startMs;
    }
    if (request.source >= 0) sums[request.source].out += request.prefixBytes;
    sums[prefill].in += request.prefixBytes;
    sums[prefill].out += request.handoffBytes;
    sums[decode].in += request.handoffBytes;
  }
  let sequences = 0;
  sums.forEach((sum, id) => {
    if (workers.role[id] === undefined) {
      if (index.heldBy(id) > 0) throw new Error(`view: worker ${id} has gone and holds ${index.heldBy(id)} blocks`);
      if (sum.reserved + sum.queued > 0) throw new Error(`view: worker ${id} has gone and has requests`);
      return;
    }
    same("queued", sum.queued, workers.queued[id], id);
    same("queue", sum.queued, requests.queues[id].length, id);
    same("queuedMs", sum.queuedMs, workers.queuedMs[id], id);
    same("headMs", requests.queues[id][0]?.prefillMs ?? 0, workers.headMs[id], id);
    same("batch", sum.batch, workers.batch[id], id);
    same("batchInputTokens", sum.input, workers.batchInputTokens[id], id);
    same("batchStartMs", sum.start, workers.batchStartMs[id], id);
    same("reservedTokens", sum.reserved, workers.reservedTokens[id], id);
    same("egressBytes", sum.out, workers.egressBytes[id], id);
    same("ingressBytes", sum.in, workers.ingressBytes[id], id);
    requests.batches.checkIntegrity(id);
    requests.awaited.checkIntegrity(id);
    same("sequences", sum.batch, requests.batches.count[id], id);
    sequences += requests.decoding(id);
  });
  if (sequences !== requests.byId.size) {
    throw new Error(`view: ${sequences} sequences are with workers, ${requests.byId.size} requests are known`);
  }
  for (const stream of [view.conductorStream, ...view.streams]) {
    if (stream && firstHeld(stream) <= stream.next)
      throw new Error(`view: event ${stream.next} is kept back needlessly`);
  }

  function same(what: string, wanted: number, actual: number, worker: number): void {
    if (Math.abs(wanted - actual) <= 1e-6 * Math.max(1, Math.abs(wanted))) return;
    throw new Error(`view: worker ${worker} counts ${what} ${actual}, has ${wanted}`);
  }
}
