import { TraceError } from "./errors.ts";
import { uniformAt } from "./random.ts";
import type { Trace, TraceRequest } from "./types.ts";

/**
 * The trace at another speed: 2 halves every gap.
 * @throws TraceError unless the factor is above 0.
 */
export function speedUp(trace: Trace, factor: number): Trace {
  if (!(factor > 0 && Number.isFinite(factor))) throw new TraceError(`speed is ${factor}, expected a number above 0`);
  if (factor === 1) return trace;
  const { info, requests } = trace;
  return {
    info: { ...info, spanMs: info.spanMs / factor, changes: [...info.changes, `speed ${factor}`] },
    requests: mapped(requests, (request) => ({ ...request, arrivalMs: request.arrivalMs / factor })),
  };
}

/**
 * Moves each arrival by up to `binMs`, evenly: undoes the bursts that coarse timestamps make (Mooncake's come in bins of
 * 3 s). What a request gets depends on the seed and its place only.
 * @throws TraceError unless the bin is above 0.
 */
export function jitter(trace: Trace, binMs: number, seed = 1): Trace {
  if (!(binMs > 0 && Number.isFinite(binMs))) throw new TraceError(`jitter is ${binMs} ms, expected a number above 0`);
  const moved = Array.from(trace.requests, (request) => ({
    ...request,
    arrivalMs: request.arrivalMs + uniformAt(seed, request.id) * binMs,
  }));
  moved.sort((a, b) => a.arrivalMs - b.arrivalMs || a.id - b.id);
  const requests = moved.map((request, id) => ({ ...request, id }));
  const { info } = trace;
  return {
    info: {
      ...info,
      spanMs: requests[requests.length - 1].arrivalMs,
      changes: [...info.changes, `jitter ${binMs} ms, seed ${seed}`],
    },
    requests,
  };
}

/** Bounds of {@link truncate}. */
export interface Truncation {
  /** Requests to keep from the start. */
  readonly requests?: number;
  /** Keep arrivals before this. */
  readonly untilMs?: number;
}

/**
 * The beginning of a trace.
 * @throws TraceError where nothing is left.
 */
export function truncate(trace: Trace, { requests: most, untilMs }: Truncation): Trace {
  if (most === undefined && untilMs === undefined) return trace;
  const [count, end] = [most ?? Number.POSITIVE_INFINITY, untilMs ?? Number.POSITIVE_INFINITY];
  let [kept, spanMs] = [0, 0];
  for (const { arrivalMs } of trace.requests) {
    if (kept >= count || arrivalMs >= end) break;
    kept++;
    spanMs = arrivalMs;
  }
  if (kept === 0) throw new TraceError(`nothing of the trace is left in the first ${most ?? `${untilMs} ms`}`);
  const { info, requests } = trace;
  if (kept === info.requests) return trace;
  return {
    info: { ...info, requests: kept, spanMs, changes: [...info.changes, `first ${kept} requests`] },
    requests: {
      *[Symbol.iterator]() {
        for (const request of requests) {
          if (request.id >= kept) return;
          yield request;
        }
      },
    },
  };
}

function mapped(requests: Iterable<TraceRequest>, change: (request: TraceRequest) => TraceRequest) {
  return {
    *[Symbol.iterator](): Generator<TraceRequest, undefined> {
      for (const request of requests) yield change(request);
    },
  };
}
