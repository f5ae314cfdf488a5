import type { AdmissionName, PolicyName, Role } from "../conductor/types.ts";
import type { EstimatorError } from "../estimators/types.ts";
import type { TraceInfo } from "../traces/types.ts";
import type { SimulationConfig } from "./config.ts";

/** Of a set of numbers; of an empty one all are null but `count`. */
export interface Distribution {
  readonly count: number;
  readonly mean: number | null;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

/** Why a request was turned away, and where: at arrival, or by the second check before decode. */
export interface RejectionCount {
  readonly stage: "arrival" | "decode";
  readonly limit: string;
  readonly count: number;
}

export interface RequestCounts {
  readonly total: number;
  readonly completed: number;
  readonly rejected: number;
  /** Could never be served, whatever the load: a context larger than a decode instance's memory. Not among `rejected`. */
  readonly impossible: number;
  /** Complete, TTFT within its limit, and the mean of the longest 10% of intervals between tokens within TBT. */
  readonly effective: number;
  readonly rejections: readonly RejectionCount[];
  /** Sequences put out of a full decode batch and brought back later. */
  readonly preemptions: number;
}

/** Latencies in ms, over completed requests. */
export interface Latencies {
  /** Arrival to first token. */
  readonly ttftMs: Distribution;
  /** Of each request, the mean of the longest tenth (rounded up) of its intervals between tokens (FAST'25 §5.2). Requests of one token have none. */
  readonly tbtMs: Distribution;
  /** (E2E − TTFT) / (output − 1). */
  readonly tpotMs: Distribution;
  /** Every interval between tokens of every request; quantiles within 1%, from a histogram of log-spaced bins. */
  readonly itlMs: Distribution;
  readonly e2eMs: Distribution;
  /** Parts of TTFT: waiting for the prefill instance, and being prefilled. */
  readonly queueMs: Distribution;
  readonly prefillMs: Distribution;
  /** From the first token until decode begins. */
  readonly handoffMs: Distribution;
}

export interface Attainment {
  /** Shares of all requests, 0 … 1. */
  readonly ttft: number;
  readonly tbt: number;
  /** `effective / total`. */
  readonly effective: number;
  /** Effective requests per second of virtual time. */
  readonly goodputPerSecond: number;
  /** Output tokens of completed requests per second of virtual time. */
  readonly outputTokensPerSecond: number;
  readonly inputTokensPerSecond: number;
}

export interface CacheResult {
  /** Prompt tokens of requests that were prefilled. */
  readonly promptTokens: number;
  /** Of those, the tokens that were not computed, by where they came from. */
  readonly hitTokens: { readonly device: number; readonly dram: number; readonly ssd: number; readonly remote: number };
  /** hitTokens / promptTokens. */
  readonly hitRatio: number;
  /** The share that a cache without limits, shared by all, would have saved of this trace. */
  readonly infiniteHitRatio: number;
  /** Tokens that were computed for requests that did not complete. */
  readonly wastedPrefillTokens: number;
  readonly computedPrefillTokens: number;
  readonly evictedBlocks: { readonly device: number; readonly dram: number; readonly ssd: number };
  readonly storedBlocks: number;
  /** Copies at the end of the 100 blocks that were used most, most used first. */
  readonly hotBlocks: readonly { readonly block: number; readonly uses: number; readonly replicas: number }[];
}

export interface TransferResult {
  /** Bytes that arrived. */
  readonly prefixBytes: number;
  readonly handoffBytes: number;
  readonly ssdBytes: number;
  readonly flows: number;
  /** Flow time against what the flow would have taken alone, mean; 1 without contention. */
  readonly meanSlowdown: number | null;
  /** Share of all links' capacity used over the run, and of the busiest link. */
  readonly meanLinkUtilization: number;
  readonly maxLinkUtilization: number;
}

/** Samples at equal steps of virtual time; all arrays have the length of `atMs`. */
export interface SeriesResult {
  readonly atMs: readonly number[];
  /** Requests waiting for prefill and being prefilled, all instances. */
  readonly prefillQueue: readonly number[];
  /** Sequences that decode, and that wait for a place. */
  readonly decodeBatch: readonly number[];
  readonly decodeQueue: readonly number[];
  /** Mean over prefill instances of the TTFT that a new request of mean length would see, over its limit (arXiv §7.2). */
  readonly prefillLoad: readonly number[];
  /** Mean over decode instances of the step time over the TBT limit. */
  readonly decodeLoad: readonly number[];
  /** Share of the step during which prefill instances were busy. */
  readonly prefillUtilization: readonly number[];
  /** Share of all links' capacity used. */
  readonly linkUtilization: readonly number[];
  /** Counts within the step. */
  readonly arrivals: readonly number[];
  readonly rejections: readonly number[];
  readonly completions: readonly number[];
}

/** How prefill and decode load swing against each other (arXiv 2407.00079, Fig. 9), of the series after its first tenth. */
export interface OscillationResult {
  /** Pearson; −1 is anti-phase. Null where one of the two never changes. */
  readonly correlation: number | null;
  /** The lowest correlation at any shift of decode against prefill within ±120 s, and the shift. */
  readonly worstCorrelation: number | null;
  readonly worstShiftMs: number | null;
  /** Standard deviation of each load. */
  readonly prefillAmplitude: number;
  readonly decodeAmplitude: number;
  /** Of the rejections per step of the series, over their mean: how bursty turning away is. */
  readonly rejectionBurstiness: number | null;
}

export interface NodeResult {
  readonly worker: number;
  readonly name: string;
  /** At the end. */
  readonly role: Role;
  /** Share of virtual time in which it computed. */
  readonly prefillUtilization: number;
  readonly decodeUtilization: number;
  readonly prefills: number;
  readonly decodes: number;
  readonly hitTokens: number;
  readonly evictedBlocks: number;
  readonly blocksAtEnd: number;
  /** Bytes over its links. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly meanDecodeBatch: number;
}

export interface RoleSwitch {
  readonly atMs: number;
  readonly worker: number;
  readonly from: Role;
  readonly to: Role;
}

/** Everything of a run but wall time: plain data, the same to the byte for the same trace, configuration and seed. */
export interface SimulationResult {
  /** Of this record; grows when a field changes its meaning. */
  readonly version: 1;
  readonly config: SimulationConfig;
  readonly trace: TraceInfo;
  readonly cost: { readonly name: string; readonly version: string; readonly notes: readonly string[] };
  readonly policy: PolicyName;
  readonly admission: AdmissionName;
  readonly virtualMs: number;
  readonly events: number;
  readonly requests: RequestCounts;
  readonly latencies: Latencies;
  readonly attainment: Attainment;
  readonly cache: CacheResult;
  readonly transfers: TransferResult;
  readonly series: SeriesResult;
  readonly oscillation: OscillationResult;
  readonly nodes: readonly NodeResult[];
  readonly roleSwitches: readonly RoleSwitch[];
  /** What the conductor predicted at arrival against what happened; null where nothing was predicted. */
  readonly predictions: { readonly ttft: EstimatorError | null; readonly tbt: EstimatorError | null };
  readonly notModelled: readonly string[];
}

/** Wall time of a run: kept apart, since it is never the same twice. */
export interface SimulationTiming {
  readonly wallMs: number;
  readonly eventsPerSecond: number;
  /** Virtual over wall time. */
  readonly speedup: number;
  readonly decisionMicros: Distribution;
}

export interface SimulationProgress {
  readonly atMs: number;
  /** Arrival of the trace's last request; the run goes on until all are done. */
  readonly spanMs: number;
  readonly arrived: number;
  readonly finished: number;
}
