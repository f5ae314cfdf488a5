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
  /** Whether the request's KV fits beside what is assigned already. */
  fits: boolean;
  batch: number;
  contextTokens: number;
  tbtMs: number;
  /** TBT over its limit: the chosen worker's, or the mean of the pool. */
  load: number;
  readonly scratch: DecodeLoad;
}

export function emptyDecodeChoice(): DecodeChoice {
  return {
    worker: -1,
    fits: true,
    batch: 0,
    contextTokens: 0,
    tbtMs: 0,
    load: 0,
    scratch: { batch: 0, contextTokens: 0 },
  };
}

/**
 * Line 17 of Algorithm 1: the decode worker of the least predicted TBT, those where the KV fits first.
 *
 * With `predictive` and `request-level` admission workers are compared as they will be when the prefill ends (`atMs`). With the others they
 * are compared by all that is assigned to them, else the requests of one prefill time would all go to one worker; what is judged is then
 * the chosen one's present load, as the paper does.
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
  const { scratch } = out;
  let loads = 0;
  let leastMs = Number.POSITIVE_INFINITY;
  out.worker = -1;
  out.fits = false;
  const ids = workers.decoders;
  for (let i = 0; i < ids.length; i++) {
    const worker = ids[i];
    if (admission === "predictive") systemLevelLoad(view, worker, nowMs, atMs, decodeTimeMs, estimators, scratch);
    else if (admission === "request-level") requestLevelLoad(view, worker, nowMs, atMs, estimators, scratch);
    else committedLoad(view, worker, scratch);
    const tbtMs = decode.stepMs(scratch.batch + 1, scratch.contextTokens + inputTokens);
    loads += tbtMs;
    const fits = workers.reservedTokens[worker] + inputTokens + outputTokens <= workers.kvCapacityTokens[worker];
    if (out.worker >= 0 && (fits === out.fits ? tbtMs >= leastMs : out.fits)) continue;
    leastMs = tbtMs;
    out.worker = worker;
    out.fits = fits;
    out.batch = scratch.batch + 1;
    out.contextTokens = scratch.contextTokens + inputTokens;
  }
  if (out.worker < 0) return;
  if (admission !== "predictive" && admission !== "request-level") {
    presentLoad(view, out.worker, nowMs, estimators, scratch);
    out.batch = scratch.batch + 1;
    out.contextTokens = scratch.contextTokens + inputTokens;
    leastMs = decode.stepMs(out.batch, out.contextTokens);
  }
  out.tbtMs = leastMs;
  out.load = (admission === "predictive" ? loads / ids.length : leastMs) / tbtLimitMs;
}
