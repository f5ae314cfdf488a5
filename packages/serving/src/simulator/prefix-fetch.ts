import type { Decision } from "../conductor/index.ts";
import type { Job } from "./job.ts";
import type { Cargo, KvFlows } from "./kv-flows.ts";
import type { SplitWorker } from "./split-worker.ts";

/**
 * Keeps what the prefill worker has of a job's prefix, and has the rest brought that the conductor decided on: from the worker's
 * SSD, and from another worker. What the conductor believed may have changed: the pools say what there is.
 */
export function fetchPrefix(
  workers: readonly SplitWorker[],
  flows: KvFlows,
  blockBytes: number,
  job: Job,
  { terms, transfers, prefill }: Decision,
  nowMs: number,
): void {
  const { blocks } = job.request;
  const worker = workers[prefill];
  const { pool } = worker;
  let local = pool.prefixLength(blocks);
  // The conductor may have found that computing again is faster than reading from the SSD.
  if (terms.prefixTokens < terms.localPrefixTokens) local = worker.prefixInDram(blocks, local);
  const fromSsd = pool.countIn("ssd", blocks, local);
  if (fromSsd > 0) {
    pool.use(blocks, 0, local, nowMs);
    local = Math.min(local, pool.prefixLength(blocks));
  }
  worker.pinUpTo(job, local);
  job.plannedBlocks = local;
  if (fromSsd > 0) {
    job.ssdBlocks = fromSsd;
    const bytes = fromSsd * blockBytes;
    carry(flows, { job, leg: "ssd", from: prefill, to: prefill, bytes, firstBlock: 0, endBlock: 0 }, nowMs, true);
  }
  for (const { from, firstBlock, blockCount } of transfers) {
    const source = workers[from];
    const first = job.plannedBlocks;
    let end = Math.min(source.pool.prefixLength(blocks), firstBlock + blockCount);
    if (end <= first) continue;
    const onSsd = source.pool.countIn("ssd", blocks, end) > 0;
    // Who sends has used it too; bringing it up from a full SSD may push out its end.
    source.pool.use(blocks, 0, end, nowMs);
    source.tell(nowMs);
    end = Math.min(end, source.pool.prefixLength(blocks));
    if (end <= first) continue;
    source.pool.pin(blocks, first, end);
    job.remoteBlocks += end - first;
    job.plannedBlocks = end;
    const bytes = (end - first) * blockBytes;
    carry(flows, { job, leg: "prefix", from, to: prefill, bytes, firstBlock: first, endBlock: end }, nowMs, onSsd);
  }
  worker.tell(nowMs);
}

function carry(flows: KvFlows, cargo: Cargo, nowMs: number, fromSsd: boolean): void {
  cargo.job.pendingFlows++;
  flows.start(cargo, nowMs, Number.POSITIVE_INFINITY, fromSsd);
}
