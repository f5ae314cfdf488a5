import type { PrefixMatch } from "../prefix-index/index.ts";
import type { ClusterView } from "../view/index.ts";
import type { ConductorConfig } from "./config.ts";
import type { ScheduleRequest, WorkerId } from "./types.ts";

/** A prefill worker and the terms of its TTFT. Written over by each choice. */
export interface PrefillChoice {
  /** −1: there is none. */
  worker: WorkerId;
  ttftMs: number;
  queueMs: number;
  transferMs: number;
  prefillMs: number;
  localPrefixTokens: number;
  bestPrefixTokens: number;
  bestWorker: WorkerId;
  prefixTokens: number;
  transferTokens: number;
}

export function emptyPrefillChoice(): PrefillChoice {
  return {
    worker: -1,
    ttftMs: Number.POSITIVE_INFINITY,
    queueMs: 0,
    transferMs: 0,
    prefillMs: 0,
    localPrefixTokens: 0,
    bestPrefixTokens: 0,
    bestWorker: -1,
    prefixTokens: 0,
    transferTokens: 0,
  };
}

/**
 * Lines 2–16 of Algorithm 1 (FAST'25 §4.1): the prefill worker of the least TTFT, and with what prefix.
 *
 * - `paper`: where best / local > threshold the rest is transferred, else the local prefix is used. A local prefix of 0 makes the printed
 *   ratio a division by zero: it is taken as ∞ if anybody has a prefix, as 1 if nobody has.
 * - `min`: the least of recomputing all, using the local prefix, and transferring, for each worker. The printed form transfers above the
 *   threshold even if that takes longer than computing again.
 * - `local-cache-aware`: never transfers. `load-balancing`: the shortest queue. `random`: any.
 *
 * O(workers), allocates nothing; the walk's result is in `match`.
 */
export function choosePrefill(
  view: ClusterView,
  request: ScheduleRequest,
  nowMs: number,
  config: ConductorConfig,
  match: PrefixMatch,
  out: PrefillChoice,
): void {
  const { workers } = view;
  const { inputTokens } = request;
  const { policy, blockTokens, balancingThreshold } = config;
  const { prefill, transfer, kvBytesPerToken } = config.estimators;
  const overlap = config.ttftForm === "overlap";
  const bestTokens = Math.min(match.best * blockTokens, inputTokens);
  const source = bestSource(view, match);
  const sourceLoadMs = source < 0 ? 0 : ssdMs(source);
  out.worker = -1;
  out.ttftMs = Number.POSITIVE_INFINITY;
  out.bestPrefixTokens = bestTokens;
  out.bestWorker = source;

  // Most workers hold one of a few prefixes: an estimate is asked for again only when the prefix changes.
  let knownTokens = -1;
  let knownMs = 0;
  let leastQueueMs = Number.POSITIVE_INFINITY;
  const bestMs = bestTokens > 0 ? prefill.prefillMs(inputTokens, bestTokens) : 0;
  const wholeMs = prefill.prefillMs(inputTokens, 0);
  const ids = workers.prefillers;
  const first = policy === "random" && ids.length > 0 ? pick(config.seed, request.id, ids.length) : 0;
  const end = policy === "random" ? Math.min(first + 1, ids.length) : ids.length;

  for (let i = first; i < end; i++) {
    const worker = ids[i];
    const queueMs = workers.queueMs(worker, nowMs);
    if (policy === "load-balancing") {
      if (queueMs >= leastQueueMs) continue;
      leastQueueMs = queueMs;
      out.ttftMs = Number.POSITIVE_INFINITY;
    }
    const speed = workers.prefillSpeed[worker];
    // Whatever its prefix, it cannot be sooner than with the longest there is, at no cost: most workers need no closer look.
    if (queueMs + (bestTokens > 0 ? bestMs : wholeMs) / speed >= out.ttftMs) continue;
    const held = worker < match.workers ? match.prefix[worker] : 0;
    const localTokens = Math.min(held * blockTokens, inputTokens);
    const canTransfer =
      held < match.best && (policy === "min" || (policy === "paper" && bestTokens > balancingThreshold * localTokens));
    if (policy !== "paper" || !canTransfer) {
      if (localTokens !== knownTokens) {
        knownTokens = localTokens;
        knownMs = localTokens === 0 ? wholeMs : prefill.prefillMs(inputTokens, localTokens);
      }
      const loadMs = held > 0 ? ssdMs(worker) : 0;
      consider(worker, queueMs, loadMs, knownMs / speed, localTokens, localTokens, 0);
      if (policy === "min" && loadMs > 0) consider(worker, queueMs, 0, wholeMs / speed, localTokens, 0, 0);
    }
    if (canTransfer) {
      const tokens = bestTokens - localTokens;
      const bytesPerMs = Math.min(workers.egressBytesPerMs[source], workers.ingressBytesPerMs[worker]);
      const aheadBytes = Math.max(workers.egressBytes[source], workers.ingressBytes[worker]);
      const fetchMs =
        transfer.transferMs(tokens, bytesPerMs, aheadBytes) + sourceLoadMs + (held > 0 ? ssdMs(worker) : 0);
      consider(worker, queueMs, fetchMs, bestMs / speed, localTokens, bestTokens, tokens);
    }
  }

  function consider(
    worker: WorkerId,
    queueMs: number,
    transferMs: number,
    prefillMs: number,
    localPrefixTokens: number,
    prefixTokens: number,
    transferTokens: number,
  ): void {
    const ttftMs = (overlap ? Math.max(queueMs, transferMs) : queueMs + transferMs) + prefillMs;
    // Not what is not a number, either.
    if (!(ttftMs < out.ttftMs)) return;
    out.worker = worker;
    out.ttftMs = ttftMs;
    out.queueMs = queueMs;
    out.transferMs = transferMs;
    out.prefillMs = prefillMs;
    out.localPrefixTokens = localPrefixTokens;
    out.prefixTokens = prefixTokens;
    out.transferTokens = transferTokens;
  }

  /** To load what a worker holds of the prefix on SSD only. */
  function ssdMs(worker: WorkerId): number {
    const slow = match.slow[worker];
    return slow === 0 ? 0 : (slow * blockTokens * kvBytesPerToken) / workers.ssdBytesPerMs[worker];
  }
}

/** Of the workers with the longest prefix, the one with the least on its way out; −1 if nobody has any. */
function bestSource({ workers }: ClusterView, match: PrefixMatch): WorkerId {
  let best = -1;
  if (match.best === 0) return best;
  for (let worker = 0; worker < match.workers; worker++) {
    if (match.prefix[worker] !== match.best) continue;
    if (best < 0 || workers.egressBytes[worker] < workers.egressBytes[best]) best = worker;
  }
  return best;
}

/** An integer below `count`, of the seed and the request alone: a hash (splitmix32), not a generator with a state. */
function pick(seed: number, id: number, count: number): number {
  let x = (Math.imul(id | 0, 0x9e3779b9) ^ Math.imul(seed | 0, 0x85ebca6b) ^ Math.floor(id / 2 ** 32)) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return Math.floor((((x ^ (x >>> 15)) >>> 0) / 2 ** 32) * count);
}
