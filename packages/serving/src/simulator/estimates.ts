import type { CostModel } from "../costs/types.ts";
import {
  createOutputPredictor,
  type Estimators,
  fitDecode,
  fitPrefill,
  type OutputPredictor,
  transferEstimator,
} from "../estimators/index.ts";

/** What the conductor predicts with. It knows the hardware as an operator would: from a table of measured times, which it fits. */
export interface FittedEstimators extends Estimators {
  readonly output: OutputPredictor;
}

/** @param prefillMs - Time of a prefill alone on an instance: new tokens, prefix tokens. */
export function fitEstimators(
  cost: CostModel,
  prefillMs: (newTokens: number, prefixTokens: number) => number,
): FittedEstimators {
  const lengths = [256, 1024, 4096, 8192, 16384, 32768, 65536, 131072];
  const prefill = fitPrefill(
    lengths.flatMap((inputTokens) =>
      [0, 0.25, 0.5, 0.9].map((share) => {
        const prefixTokens = Math.floor(share * inputTokens);
        return { inputTokens, prefixTokens, ms: prefillMs(inputTokens - prefixTokens, prefixTokens) };
      }),
    ),
  );
  const decode = fitDecode(
    [1, 2, 4, 8, 16, 32, 64, 128].flatMap((batch) =>
      [512, 4096, 16384].map((each) => ({
        batch,
        contextTokens: batch * each,
        ms: cost.stepMs(0, 0, batch, batch * each),
      })),
    ),
  );
  return {
    prefill,
    decode,
    transfer: transferEstimator({ kvBytesPerToken: cost.kvBytesPerToken }),
    output: createOutputPredictor(),
    kvBytesPerToken: cost.kvBytesPerToken,
  };
}
