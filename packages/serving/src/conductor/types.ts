/** Dense index of a worker, 0 … {@link maxWorkers} − 1, given by whoever registers it. A live cluster maps names to these. */
export type WorkerId = number;

/** Workers that one view holds: an index entry packs a worker into 13 bits. */
export const maxWorkers = 8192;

/** A KV block and its whole prefix, as a dense integer ≥ 0 (see blocks/): equal ids mean equal tokens from the start. */
export type BlockId = number;

/** Unique among the requests in flight. */
export type RequestId = number;

/** `both` prefills and decodes; `draining` finishes what it has and is given nothing more. */
export type Role = "prefill" | "decode" | "both" | "draining";

/** Where a worker keeps a block, fastest first. */
export type Tier = "device" | "dram" | "ssd";

export const tiers: readonly Tier[] = ["device", "dram", "ssd"];

/** What the conductor needs to know of a request. */
export interface ScheduleRequest {
  readonly id: RequestId;
  /** Prompt length, ≥ 1. */
  readonly inputTokens: number;
  /** The prompt's chained blocks from the start; the last may be partial. May be shorter than the prompt, then the rest has no name. */
  readonly blocks: ArrayLike<BlockId>;
  /** The client's limit of output tokens, where it gave one. */
  readonly maxOutputTokens?: number;
  /** A tenant, route or tool: requests of one class are expected to have outputs alike. Small integer; default 0. */
  readonly outputClass?: number;
}

/** Which worker prefills, Algorithm 1 of Mooncake (FAST'25 §4.1) and what it is compared with. */
export type PolicyName = "paper" | "min" | "random" | "load-balancing" | "local-cache-aware";

/** Who is turned away and when, Mooncake (arXiv 2407.00079 §7); `request-level` goes beyond it. */
export type AdmissionName = "none" | "baseline" | "early" | "predictive" | "request-level";

/** Blocks that `to` fetches from `from` before it prefills. They stay on both: a hot prefix spreads this way. */
export interface PrefixTransfer {
  readonly from: WorkerId;
  readonly to: WorkerId;
  /** Blocks `firstBlock` … `firstBlock + blockCount` − 1 of the request's. */
  readonly firstBlock: number;
  readonly blockCount: number;
  readonly tokens: number;
}

/** Every term of an estimate. Times in ms, lengths in tokens. */
export interface EstimateTerms {
  readonly policy: PolicyName;
  readonly admission: AdmissionName;
  readonly inputTokens: number;
  /** Prefix that the prefill worker holds itself. */
  readonly localPrefixTokens: number;
  /** Longest prefix on any worker, and who holds it; −1 if nobody holds any. */
  readonly bestPrefixTokens: number;
  readonly bestWorker: WorkerId;
  /** Prefix that is not computed again: local, or with what is transferred. */
  readonly prefixTokens: number;
  readonly transferTokens: number;
  /** Work ahead of this request on the prefill worker. */
  readonly queueMs: number;
  /** Fetching the prefix from `bestWorker` and from the worker's own SSD. */
  readonly transferMs: number;
  readonly prefillMs: number;
  /** `sum`: queue + transfer + prefill, as printed; `overlap`: max(queue, transfer) + prefill, for workers that fetch while they queue. */
  readonly ttftForm: "sum" | "overlap";
  readonly ttftMs: number;
  /** From the prefill's end until the decode worker has the KV, beyond what streaming by layer hides. */
  readonly handoffMs: number;
  /** Sequences and context tokens with which the decode worker is expected to step, this request included. */
  readonly decodeBatch: number;
  readonly decodeContextTokens: number;
  readonly tbtMs: number;
  /** When decode is judged: now, or when the prefill is expected to end. */
  readonly decodeAtMs: number;
  /** Predicted TTFT / limit, and TBT / limit: of the chosen worker, or the mean of the pool (`predictive`). */
  readonly prefillLoad: number;
  readonly decodeLoad: number;
  readonly outputTokens: number;
  readonly ttftLimitMs: number;
  readonly tbtLimitMs: number;
}

/** Where a request goes. Nothing has changed yet: an `assigned` event makes it so. */
export interface Decision {
  readonly kind: "decision";
  readonly request: RequestId;
  readonly prefill: WorkerId;
  readonly decode: WorkerId;
  readonly transfers: readonly PrefixTransfer[];
  readonly terms: EstimateTerms;
}

export type Limit = "ttft" | "tbt" | "decode-load" | "kv-memory" | "no-prefill-worker" | "no-decode-worker";

/** Why a request is turned away (HTTP 429, or 503 without workers). */
export interface Rejection {
  readonly kind: "rejection";
  readonly request: RequestId;
  readonly stage: "arrival" | "decode";
  readonly limit: Limit;
  /** What was predicted, what is allowed and the difference, in the limit's unit: ms, load, or tokens. */
  readonly value: number;
  readonly allowed: number;
  readonly excess: number;
  /** When the estimate would be within the limit, if nothing else came; null: it never would. */
  readonly retryAfterMs: number | null;
  /** The best choice there was; null without workers. */
  readonly prefill: WorkerId | null;
  readonly decode: WorkerId | null;
  readonly terms: EstimateTerms | null;
}
