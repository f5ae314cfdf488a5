import {
  committedLoad,
  type DecodeLoad,
  presentLoad,
  requestLevelLoad,
  systemLevelLoad,
} from "../admission/decode-load.ts";
import type { ClusterView } from "../view/index.ts";
import type { ConductorConfig } from "./config.ts";
import type { WorkerId } from "./types.ts";

/** A decode worker and what is predicted of it with the request. Written over by each choice. */
export interface DecodeChoice {
  /** −1: there is none. */
  worker: WorkerId;
  /** Whether the request's KV fits beside that of the load by which TBT is predicted. */
  fits: boolean;
  batch: number;
  contextTokens: number;
  tbtMs: number;
  /** TBT over its limit: the chosen worker's, or the mean of the pool. */
  load: number;
  readonly scratch: DecodeLoad;
  /** The best workers so far, and their TBT: those that `request-level` looks at closely. */
  readonly short: { readonly workers: Int32Array; readonly tbtMs: Float64Array; count: number };
}

/** Workers whose sequences `request-level` admission weighs one by one. */
const shortListLength = 4;

export function emptyDecodeChoice(): DecodeChoice {
  return {
    worker: -1,
    fits: true,
    batch: 0,
    contextTokens: 0,
    tbtMs: 0,
    load: 0,
    scratch: { batch: 0, contextTokens: 0 },
    short: { workers: new Int32Array(shortListLength), tbtMs: new Float64Array(shortListLength), count: 0 },
  };
}

/** Added to the TBT of a worker on which the KV does not fit, when they are compared. */
const doesNotFit = 1e12;

/**
 * Line 17 of Algorithm 1: the decode worker of the least predicted TBT, those where the KV fits first.
 *
 * `predictive` compares workers as they will be when the prefill ends (`atMs`). The others compare them by all that is assigned to them, else
 * the requests of one prefill time would all go to one worker; what is judged then is the chosen one's present load, as the paper does.
 * Whether the KV fits is judged by the same load: what is assigned and still waits for its prefill needs no room yet.
 * `request-level` predicts the best {@link shortListLength} of those closely, sequence by sequence, and takes the best.
 */
export function chooseDecode(
  view: ClusterView,
  inputTokens: number,
  outputTokens: number,
  nowMs: number,
  atMs: number,
  config: ConductorConfig,
  out: DecodeChoice,
): void {
  const { workers } = view;
  const { admission, estimators, decodeTimeMs, tbtLimitMs } = config;
  const { decode } = estimators;
  const { scratch, short } = out;
  const isPredictive = admission === "predictive";
  const listed = admission === "request-level" ? shortListLength : 1;
  const ids = workers.decoders;
  let loads = 0;
  short.count = 0;
  out.worker = -1;
  for (let i = 0; i < ids.length; i++) {
    const worker = ids[i];
    if (isPredictive) systemLevelLoad(view, worker, nowMs, atMs, decodeTimeMs, estimators, scratch);
    else committedLoad(view, worker, scratch);
    const tbtMs = decode.stepMs(scratch.batch + 1, scratch.contextTokens + inputTokens);
    loads += tbtMs;
    const held = isPredictive ? scratch.contextTokens : workers.reservedTokens[worker];
    const fits = held + inputTokens + outputTokens <= workers.kvCapacityTokens[worker];
    list(short, worker, fits ? tbtMs : tbtMs + doesNotFit, listed);
  }
  if (short.count === 0) return;
  let leastKey = Number.POSITIVE_INFINITY;
  for (let i = 0; i < short.count; i++) {
    const worker = short.workers[i];
    if (isPredictive) systemLevelLoad(view, worker, nowMs, atMs, decodeTimeMs, estimators, scratch);
    else if (admission === "request-level") requestLevelLoad(view, worker, nowMs, atMs, estimators, scratch);
    else presentLoad(view, worker, nowMs, estimators, scratch);
    const tbtMs = decode.stepMs(scratch.batch + 1, scratch.contextTokens + inputTokens);
    const fits = scratch.contextTokens + inputTokens + outputTokens <= workers.kvCapacityTokens[worker];
    const key = fits ? tbtMs : tbtMs + doesNotFit;
    // Not what is not a number, either.
    if (!(key < leastKey)) continue;
    leastKey = key;
    out.worker = worker;
    out.fits = fits;
    out.batch = scratch.batch + 1;
    out.contextTokens = scratch.contextTokens + inputTokens;
    out.tbtMs = tbtMs;
  }
  out.load = (isPredictive ? loads / ids.length : out.tbtMs) / tbtLimitMs;
}

/** Puts a worker among the best `length`; of equals the earlier stays ahead. */
function list(short: DecodeChoice["short"], worker: WorkerId, key: number, length: number): void {
  const { workers, tbtMs, count } = short;
  if (count === length && key >= tbtMs[count - 1]) return;
  let at = Math.min(count, length - 1);
  for (; at > 0 && tbtMs[at - 1] > key; at--) {
    tbtMs[at] = tbtMs[at - 1];
    workers[at] = workers[at - 1];
  }
  tbtMs[at] = key;
  workers[at] = worker;
  short.count = Math.min(count + 1, length);
}
