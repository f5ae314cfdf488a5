/** One request of a log. It says when, how long, and what it shares with others; never what it said. */
export interface TraceRequest {
  /** Place in the trace, from 0. */
  readonly id: number;
  /** Virtual ms since the trace began, ≥ 0. Requests come in this order. */
  readonly arrivalMs: number;
  /** Tokens of the prompt, ≥ 1. */
  readonly inputTokens: number;
  /** Tokens that were generated, ≥ 1: the first is the prefill's. */
  readonly outputTokens: number;
  /**
   * ceil(inputTokens / blockSize) ids, the last of a partial block. An id stands for a block and its whole prefix: equal
   * ids mean equal prompts up to and including the block. Dense integers in [0, TraceInfo.blockIds): they may index
   * arrays. Where a log does not say what its prompts share, every id is new.
   */
  readonly blocks: Uint32Array;
}

/** Where a trace comes from: what a report must say so that the run can be made again. */
export interface TraceInfo {
  /** File name without its directory, or "generated". */
  readonly name: string;
  readonly format: "mooncake" | "azure" | "openai" | "generated";
  /** Of the file's bytes; of the generator's parameters and seed as JSON for a generated trace. */
  readonly sha256: string;
  /** Tokens of a block. */
  readonly blockSize: number;
  readonly requests: number;
  /** Arrival of the last request, ms. */
  readonly spanMs: number;
  /** All ids are below this. */
  readonly blockIds: number;
  /** Whether ids say what prompts share. Without it an infinite cache hits nothing. */
  readonly sharing: boolean;
  /** Lines that --lenient left out. */
  readonly skippedLines: number;
  /** What was done to it since it was read, in order, as "speed 2" or "jitter 3000 ms, seed 1". */
  readonly changes: readonly string[];
}

/** A trace: its requests may be walked any number of times, always from the first, and are the same each time. */
export interface Trace {
  readonly info: TraceInfo;
  readonly requests: Iterable<TraceRequest>;
}
