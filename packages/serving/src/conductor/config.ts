import type { Estimators } from "../estimators/types.ts";
import type { AdmissionName, PolicyName } from "./types.ts";

/** How a conductor decides. */
export interface ConductorOptions {
  readonly policy: PolicyName;
  readonly admission: AdmissionName;
  /** Service levels, in ms. */
  readonly ttftLimitMs: number;
  readonly tbtLimitMs: number;
  /** Tokens of a block; all the workers' alike. */
  readonly blockTokens: number;
  readonly estimators: Estimators;
  /** kvcache_balancing_threshold of Algorithm 1, > 0; the papers do not publish theirs. Default 1.25. */
  readonly balancingThreshold?: number;
  /** How TTFT is put together. Default: `sum` for `paper` as printed, `overlap` for the others. */
  readonly ttftForm?: "sum" | "overlap";
  /** Whether the handoff is streamed by layer while the prefill runs. Default true. */
  readonly layerwiseHandoff?: boolean;
  /** t_d of arXiv §7.3: how long every request is taken to decode. Default 20,000 ms. */
  readonly decodeTimeMs?: number;
  /** Of the `random` policy, a counter-based generator over (seed, request id). Default 0. */
  readonly seed?: number;
}
