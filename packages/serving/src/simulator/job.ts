import type { TraceRequest } from "../traces/types.ts";

/** A request under way. */
export interface Job {
  readonly request: TraceRequest;
  readonly arrivalMs: number;
  /** Place in the table of jobs under way: what events name it by. */
  slot: number;
  prefillWorker: number;
  decodeWorker: number;
  /** What the conductor expected at arrival, ms; NaN where it expected nothing. */
  predictedTtftMs: number;
  predictedTbtMs: number;
  /** Leading blocks of the prefill worker's pool that are kept for it. */
  pinnedBlocks: number;
  /** Leading blocks that will be there when the flows that bring them have ended. */
  plannedBlocks: number;
  remoteBlocks: number;
  ssdBlocks: number;
  /** Flows of prefix blocks that have not ended. */
  pendingFlows: number;
  prefixTokens: number;
  computedTokens: number;
  /** Predicted work that it adds to its worker's backlog, ms. */
  backlogMs: number;
  prefillStartMs: number;
  prefillMs: number;
  computeDone: boolean;
  firstTokenMs: number;
  handoffFlow: number;
  handoffDone: boolean;
  decodeStartMs: number;
  /** Tokens that are out. */
  generated: number;
  /** When its last token came out, as far as that matters: at the first, and when it is put out of a batch. */
  lastTokenMs: number;
  /** Of the decode batch that it is in: the step with which its last token comes, where its intervals begin, and what precedes the first. */
  finishStep: number;
  logStart: number;
  gapMs: number;
  /** Intervals from before it was put out of a batch. */
  earlierIntervals: number[] | null;
  /** Order of joining its batch. */
  joined: number;
}

export function createJob(request: TraceRequest, arrivalMs: number): Job {
  return {
    request,
    arrivalMs,
    slot: -1,
    prefillWorker: -1,
    decodeWorker: -1,
    predictedTtftMs: Number.NaN,
    predictedTbtMs: Number.NaN,
    pinnedBlocks: 0,
    plannedBlocks: 0,
    remoteBlocks: 0,
    ssdBlocks: 0,
    pendingFlows: 0,
    prefixTokens: 0,
    computedTokens: 0,
    backlogMs: 0,
    prefillStartMs: Number.NaN,
    prefillMs: Number.NaN,
    computeDone: false,
    firstTokenMs: Number.NaN,
    handoffFlow: -1,
    handoffDone: false,
    decodeStartMs: Number.NaN,
    generated: 0,
    lastTokenMs: Number.NaN,
    finishStep: 0,
    logStart: 0,
    gapMs: 0,
    earlierIntervals: null,
    joined: 0,
  };
}
