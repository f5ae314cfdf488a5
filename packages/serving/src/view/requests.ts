import type { RequestId, WorkerId } from "../conductor/types.ts";
import type { Assigned } from "./events.ts";
import { Lanes } from "./lanes.ts";
import type { WorkerTable } from "./worker-table.ts";

/** A request under way. */
export interface InFlight {
  readonly id: RequestId;
  readonly prefill: WorkerId;
  readonly decode: WorkerId;
  readonly inputTokens: number;
  /** Predicted at assignment. */
  readonly prefillMs: number;
  readonly outputTokens: number;
  readonly assignedMs: number;
  /** The conductor's event that assigned it. */
  readonly assignedSequence: number;
  /** When its prefix is expected to be there. */
  readonly readyMs: number;
  /** Who sends it a prefix, or −1, and how much is under way. */
  readonly source: WorkerId;
  prefixBytes: number;
  /** KV on its way to the decode worker. */
  handoffBytes: number;
  prefilled: boolean;
  arrived: boolean;
  /** When it joined its decode worker's batch, or is expected to. */
  startMs: number;
}

/** Requests in flight and what they add up to on each worker. Every transition is idempotent: a second one does nothing. */
export class Requests {
  readonly byId = new Map<RequestId, InFlight>();
  /** Prefill queues in order of assignment, by worker. */
  readonly queues: InFlight[][] = [];
  /** Decode batches in order of arrival, which is that of their ends if all decode for the same time; and what is awaited. */
  readonly batches = new Lanes(true);
  readonly awaited = new Lanes(false);
  private readonly workers: WorkerTable;
  private readonly kvBytesPerToken: number;

  constructor(workers: WorkerTable, kvBytesPerToken: number) {
    this.workers = workers;
    this.kvBytesPerToken = kvBytesPerToken;
  }

  /** Makes room for a worker. */
  reach(worker: WorkerId): void {
    while (this.queues.length <= worker) this.queues.push([]);
    this.batches.reach(worker);
    this.awaited.reach(worker);
  }

  /** Sequences that a worker decodes or awaits. */
  decoding(worker: WorkerId): number {
    return this.batches.count[worker] + this.awaited.count[worker];
  }

  assign({ decision, sequence, atMs, outputClass = 0 }: Assigned): void {
    const { terms, prefill, decode, request: id } = decision;
    const { workers } = this;
    const transfer = decision.transfers[0];
    const request: InFlight = {
      id,
      prefill,
      decode,
      inputTokens: terms.inputTokens,
      prefillMs: terms.prefillMs,
      outputTokens: terms.outputTokens,
      assignedMs: atMs,
      assignedSequence: sequence,
      readyMs: atMs + terms.transferMs,
      source: transfer ? transfer.from : -1,
      prefixBytes: transfer ? transfer.tokens * this.kvBytesPerToken : 0,
      handoffBytes: 0,
      prefilled: false,
      arrived: false,
      startMs: atMs + terms.ttftMs + terms.handoffMs,
    };
    this.byId.set(id, request);
    if (transfer) this.moveBytes(transfer.from, transfer.to, request.prefixBytes);
    const queue = this.queues[prefill];
    queue.push(request);
    workers.queued[prefill]++;
    workers.queuedMs[prefill] += request.prefillMs;
    if (queue.length === 1) this.startHead(prefill, atMs);
    this.awaited.append(decode, id, request.startMs, terms.inputTokens, outputClass);
    workers.reservedTokens[decode] += terms.inputTokens + terms.outputTokens;
  }

  prefixArrived(request: InFlight): void {
    if (request.prefixBytes === 0) return;
    this.moveBytes(request.source, request.prefill, -request.prefixBytes);
    request.prefixBytes = 0;
  }

  prefilled(request: InFlight, atMs: number): void {
    if (request.prefilled) return;
    this.leaveQueue(request, atMs);
    if (!request.arrived && request.prefill !== request.decode) {
      request.handoffBytes = request.inputTokens * this.kvBytesPerToken;
      this.moveBytes(request.prefill, request.decode, request.handoffBytes);
    }
  }

  /** Joins the batch. What arrives has been prefilled, even if that has not been heard of yet. */
  arrived(request: InFlight, atMs: number): void {
    if (request.arrived) return;
    this.prefixArrived(request);
    if (!request.prefilled) this.leaveQueue(request, atMs);
    request.arrived = true;
    this.handoffOver(request);
    const { workers } = this;
    request.startMs = atMs;
    const { id, decode, inputTokens } = request;
    const at = this.awaited.find(decode, id);
    this.batches.append(decode, id, atMs, inputTokens, this.awaited.classAt(decode, at));
    this.awaited.remove(decode, at);
    workers.batch[request.decode]++;
    workers.batchInputTokens[request.decode] += request.inputTokens + 1;
    workers.batchStartMs[request.decode] += atMs;
  }

  finish(request: InFlight, atMs: number): void {
    const { workers } = this;
    const { decode } = request;
    this.prefixArrived(request);
    if (!request.prefilled) this.leaveQueue(request, atMs);
    this.handoffOver(request);
    if (request.arrived) {
      const batch = workers.batch[decode];
      workers.contextCorrection[decode] *= (batch - 1) / batch;
      workers.batch[decode]--;
      workers.batchInputTokens[decode] -= request.inputTokens + 1;
      workers.batchStartMs[decode] -= request.startMs;
      if (batch === 1) workers.batchStartMs[decode] = 0;
      this.batches.remove(
        decode,
        this.batches.find(decode, request.id, this.batches.firstSince(decode, request.startMs)),
      );
    } else this.awaited.remove(decode, this.awaited.find(decode, request.id));
    workers.reservedTokens[decode] -= request.inputTokens + request.outputTokens;
    if (this.decoding(decode) === 0) workers.reservedTokens[decode] = 0;
    this.byId.delete(request.id);
  }

  /** Requests that cannot go on without a worker. */
  of(worker: WorkerId): InFlight[] {
    return [...this.byId.values()].filter(
      (request) => request.decode === worker || (request.prefill === worker && !request.arrived),
    );
  }

  /** Ends what depends on a worker that has gone; whoever fetched a prefix from it waits no longer. */
  abandon(worker: WorkerId, atMs: number): void {
    for (const request of this.of(worker)) this.finish(request, atMs);
    for (const request of this.byId.values()) if (request.source === worker) this.prefixArrived(request);
  }

  private startHead(worker: WorkerId, atMs: number): void {
    const { workers } = this;
    const head = this.queues[worker][0];
    workers.headMs[worker] = head ? head.prefillMs : 0;
    workers.headStartMs[worker] = head ? Math.max(atMs, head.readyMs) : 0;
  }

  private leaveQueue(request: InFlight, atMs: number): void {
    const { workers } = this;
    const { prefill } = request;
    const queue = this.queues[prefill];
    const at = queue.indexOf(request);
    queue.splice(at, 1);
    this.prefixArrived(request);
    request.prefilled = true;
    workers.queued[prefill]--;
    workers.queuedMs[prefill] -= request.prefillMs;
    if (queue.length === 0) {
      // Sums of doubles drift: an empty queue is exactly empty.
      workers.queuedMs[prefill] = 0;
      workers.queueCorrectionMs[prefill] = 0;
    }
    if (at === 0) this.startHead(prefill, atMs);
  }

  private handoffOver(request: InFlight): void {
    if (request.handoffBytes === 0) return;
    this.moveBytes(request.prefill, request.decode, -request.handoffBytes);
    request.handoffBytes = 0;
  }

  /** Whole bytes: they add up exactly, in any order. */
  private moveBytes(from: WorkerId, to: WorkerId, bytes: number): void {
    this.workers.egressBytes[from] += bytes;
    this.workers.ingressBytes[to] += bytes;
  }
}
