import type { CostModel } from "../src/costs/index.ts";
import type { Trace, TraceRequest } from "../src/traces/types.ts";

/** A cost model of round numbers: 1 ms per new token and 10 ms, 1 ms and a thousandth of the context, per decode step. */
export function plainCost(changes: Partial<CostModel> = {}): CostModel {
  return {
    name: "equation-1",
    version: "test",
    notes: [],
    contextMsPerToken: 0.001,
    stepMs: (newTokens, _prefix, batch, context) => newTokens + (batch > 0 ? 10 + batch : 0) + 0.001 * context,
    kvBytesPerToken: 1000,
    layers: 10,
    kvCapacityTokens: 1_000_000,
    networkBytesPerMs: 1e5,
    hostToDeviceBytesPerMs: 1e6,
    ssdBytesPerMs: 1e4,
    ...changes,
  };
}

/** A trace of these requests; ids of blocks are below `blockIds`. */
export function traceOf(requests: readonly TraceRequest[], blockSize = 512, blockIds = 1): Trace {
  return {
    info: {
      name: "test",
      format: "generated",
      sha256: "0",
      blockSize,
      requests: requests.length,
      spanMs: requests.at(-1)?.arrivalMs ?? 0,
      blockIds,
      sharing: blockIds > 1,
      skippedLines: 0,
      changes: [],
    },
    requests,
  };
}
