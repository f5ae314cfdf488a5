import type { ConductorConfig } from "../conductor/config.ts";
import type { EstimateTerms, Limit, Rejection, RequestId, WorkerId } from "../conductor/types.ts";
import type { ClusterView } from "../view/index.ts";

/** What is judged. */
export interface Candidate {
  readonly request: RequestId;
  readonly prefill: WorkerId;
  readonly decode: WorkerId;
  /** Whether its KV fits on the decode worker. */
  readonly fits: boolean;
  readonly terms: EstimateTerms;
}

/**
 * Line 18 of Algorithm 1 in its variants (arXiv 2407.00079 §7): whether a request is turned away on arrival, and why.
 *
 * - `none`: never. `baseline`: on the predicted TTFT; decode is checked when the prefill is done, which then was in vain.
 * - `early`: on TTFT, and on TBT with the present decode batch. `request-level`: the same with the batch when the prefill ends.
 * - `predictive`: on TTFT, and on the decode pool's mean load when the prefill ends.
 */
export function judgeArrival(view: ClusterView, candidate: Candidate, config: ConductorConfig): Rejection | null {
  const { terms, fits } = candidate;
  const { admission, ttftLimitMs, tbtLimitMs, decodeTimeMs } = config;
  if (admission === "none") return null;
  if (terms.ttftMs > ttftLimitMs) {
    // The queue shrinks by a millisecond per millisecond; what takes too long without a queue never fits.
    const emptyMs = terms.transferMs + terms.prefillMs;
    const retryMs = emptyMs > ttftLimitMs ? null : terms.ttftMs - ttftLimitMs;
    return reject(candidate, "arrival", "ttft", terms.ttftMs, ttftLimitMs, retryMs);
  }
  if (admission === "baseline") return null;
  if (!fits) return rejectMemory(view, candidate, "arrival", decodeTimeMs);
  if (admission === "predictive") {
    if (terms.decodeLoad <= 1) return null;
    return reject(candidate, "arrival", "decode-load", terms.decodeLoad, 1, decodeRetryMs(terms, config));
  }
  if (terms.tbtMs <= tbtLimitMs) return null;
  return reject(candidate, "arrival", "tbt", terms.tbtMs, tbtLimitMs, decodeRetryMs(terms, config));
}

/** The `baseline`'s second check, when the prefill has ended. */
export function judgeDecode(view: ClusterView, candidate: Candidate, config: ConductorConfig): Rejection | null {
  const { terms, fits } = candidate;
  if (config.admission !== "baseline") return null;
  if (!fits) return rejectMemory(view, candidate, "decode", config.decodeTimeMs);
  if (terms.tbtMs <= config.tbtLimitMs) return null;
  return reject(candidate, "decode", "tbt", terms.tbtMs, config.tbtLimitMs, decodeRetryMs(terms, config));
}

/** Nobody can take it. */
export function rejectWithoutWorker(request: RequestId, limit: "no-prefill-worker" | "no-decode-worker"): Rejection {
  return {
    kind: "rejection",
    request,
    stage: "arrival",
    limit,
    value: 0,
    allowed: 1,
    excess: 1,
    // Nothing in the estimate says when a worker will join.
    retryAfterMs: null,
    prefill: null,
    decode: null,
    terms: null,
  };
}

function rejectMemory(
  { workers }: ClusterView,
  candidate: Candidate,
  stage: Rejection["stage"],
  decodeTimeMs: number,
): Rejection {
  const { inputTokens, outputTokens, decodeContextTokens } = candidate.terms;
  const allowed = workers.kvCapacityTokens[candidate.decode];
  const value = decodeContextTokens + outputTokens;
  const own = inputTokens + outputTokens;
  const largest = workers.decoders.reduce((max, id) => Math.max(max, workers.kvCapacityTokens[id]), 0);
  // The others' tokens go evenly over the decode time.
  const retryMs = own > largest ? null : Math.min(1, (value - allowed) / (value - own)) * decodeTimeMs;
  return reject(candidate, stage, "kv-memory", value, allowed, retryMs);
}

/**
 * Sequences leave evenly over the decode time: how long until few enough are left for a step within the limit. Null if a request alone
 * takes a step that is too long.
 */
function decodeRetryMs(terms: EstimateTerms, { estimators, tbtLimitMs, decodeTimeMs }: ConductorConfig): number | null {
  const { decodeBatch: batch, decodeContextTokens: context, inputTokens } = terms;
  const stepWith = (others: number) => {
    const share = batch > 1 ? others / (batch - 1) : 0;
    return estimators.decode.stepMs(1 + others, inputTokens + share * (context - inputTokens));
  };
  if (stepWith(0) > tbtLimitMs) return null;
  // Of the pool's mean, the chosen worker may be within the limit already: the rest waits for as large a share to leave.
  if (stepWith(batch - 1) <= tbtLimitMs) return (1 - 1 / Math.max(1, terms.decodeLoad)) * decodeTimeMs;
  let few = 0;
  let many = batch - 1;
  for (let i = 0; i < 20; i++) {
    const middle = (few + many) / 2;
    if (stepWith(middle) <= tbtLimitMs) few = middle;
    else many = middle;
  }
  return (1 - few / (batch - 1)) * decodeTimeMs;
}

function reject(
  { request, prefill, decode, terms }: Candidate,
  stage: Rejection["stage"],
  limit: Limit,
  value: number,
  allowed: number,
  retryAfterMs: number | null,
): Rejection {
  return {
    kind: "rejection",
    request,
    stage,
    limit,
    value,
    allowed,
    excess: value - allowed,
    retryAfterMs,
    prefill,
    decode,
    terms,
  };
}
