import type { RequestId, WorkerId } from "../conductor/types.ts";
import { PrefixIndex } from "../prefix-index/index.ts";
import { Requests } from "./requests.ts";
import { openStream, type Stream } from "./stream.ts";
import { WorkerTable } from "./worker-table.ts";

export interface ViewOptions {
  /** Tokens of a block. */
  readonly blockTokens: number;
  /** Bytes of KV per token, all layers: what a transfer puts on a link. */
  readonly kvBytesPerToken: number;
  /** Blocks to make room for at once; more come as needed. Default 1024. */
  readonly blockCapacity?: number;
}

/** What the conductor knows of the cluster. Only `applyEvent` changes it. */
export interface ClusterView {
  readonly blockTokens: number;
  readonly kvBytesPerToken: number;
  readonly index: PrefixIndex;
  readonly workers: WorkerTable;
  readonly requests: Requests;
  /** The conductor's stream, and the workers' by id. */
  readonly conductorStream: Stream;
  readonly streams: (Stream | undefined)[];
  /** How often each repair was needed. */
  readonly repairs: Repairs;
}

export interface Repairs {
  /** Events that had been seen already, or were of an earlier life. */
  duplicates: number;
  /** Events kept back until those before them came. */
  held: number;
  /** Gaps given up, each with the worker's blocks. */
  dropped: number;
  snapshots: number;
  /** Events of workers or requests that are not known. */
  unknown: number;
}

/**
 * Makes an empty view.
 *
 * @throws RangeError if `blockTokens` or `kvBytesPerToken` is not positive.
 */
export function createView({ blockTokens, kvBytesPerToken, blockCapacity }: ViewOptions): ClusterView {
  if (!Number.isInteger(blockTokens) || blockTokens < 1) {
    throw new RangeError(`blockTokens is ${blockTokens}; it must be an integer ≥ 1`);
  }
  if (!(kvBytesPerToken > 0 && Number.isFinite(kvBytesPerToken))) {
    throw new RangeError(`kvBytesPerToken is ${kvBytesPerToken}; it must be a number above 0`);
  }
  const workers = new WorkerTable();
  return {
    blockTokens,
    kvBytesPerToken,
    index: new PrefixIndex(blockCapacity),
    workers,
    requests: new Requests(workers, kvBytesPerToken),
    conductorStream: openStream(0),
    streams: [],
    repairs: { duplicates: 0, held: 0, dropped: 0, snapshots: 0, unknown: 0 },
  };
}

/**
 * Requests that should long be over: their predicted end was `graceMs` ago or more. A lost `finished` would else hold their place for
 * ever; whoever drives the view asks their workers, or ends them with a `finished` event of outcome `failed`.
 */
export function overdueRequests(view: ClusterView, nowMs: number, graceMs: number, tokenMs: number): RequestId[] {
  const overdue: RequestId[] = [];
  for (const request of view.requests.byId.values()) {
    const endMs = request.startMs + request.outputTokens * tokenMs;
    if (nowMs - endMs > graceMs) overdue.push(request.id);
  }
  return overdue;
}

/** Whether a worker is there. */
export function isLive(view: ClusterView, worker: WorkerId): boolean {
  return view.workers.role[worker] !== undefined;
}
