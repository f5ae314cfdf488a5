import { ErrorMeter } from "./error.ts";
import type { EstimatorError, TransferEstimator } from "./types.ts";

/** A transfer that took `ms`. */
export interface TransferTiming {
  readonly tokens: number;
  /** Narrower of the two links. */
  readonly bytesPerMs: number;
  /** Bytes ahead of it when it was asked for. */
  readonly aheadBytes: number;
  readonly ms: number;
}

/**
 * latency + (ahead + bytes) / bandwidth: flows that share a link fairly end, in the worst case, when all that was ahead is through too.
 * FAST'25 §4.1 calls this the hardest term, since it depends on the sender's congestion; `efficiency` of the nominal bandwidth is
 * learned from transfers that happened.
 */
export interface LearnedTransfer extends TransferEstimator {
  observe(timing: TransferTiming): void;
  readonly efficiency: number;
  error(): EstimatorError;
}

/** @throws RangeError if a parameter is out of range. */
export function transferEstimator({
  kvBytesPerToken,
  latencyMs = 1,
  efficiency = 1,
}: {
  readonly kvBytesPerToken: number;
  readonly latencyMs?: number;
  /** Share of the nominal bandwidth that is reached, to begin with. */
  readonly efficiency?: number;
}): LearnedTransfer {
  if (!(kvBytesPerToken > 0)) throw new RangeError(`kvBytesPerToken is ${kvBytesPerToken}; it must be above 0`);
  if (!(latencyMs >= 0)) throw new RangeError(`latencyMs is ${latencyMs}; it must be at least 0`);
  if (!(efficiency > 0)) throw new RangeError(`efficiency is ${efficiency}; it must be above 0`);
  const meter = new ErrorMeter();
  let share = efficiency;
  const idealMs = (tokens: number, bytesPerMs: number, aheadBytes: number) =>
    (aheadBytes + tokens * kvBytesPerToken) / bytesPerMs;
  const transferMs = (tokens: number, bytesPerMs: number, aheadBytes: number) =>
    tokens > 0 ? latencyMs + idealMs(tokens, bytesPerMs, aheadBytes) / share : 0;
  return {
    transferMs,
    observe({ tokens, bytesPerMs, aheadBytes, ms }) {
      meter.add(transferMs(tokens, bytesPerMs, aheadBytes), ms);
      const ideal = idealMs(tokens, bytesPerMs, aheadBytes);
      // A transfer as short as the latency says nothing of the bandwidth.
      if (ms > 2 * latencyMs && ideal > 0)
        share = Math.exp(0.95 * Math.log(share) + 0.05 * Math.log(ideal / (ms - latencyMs)));
    },
    get efficiency() {
      return share;
    },
    error: () => meter.report(),
  };
}
