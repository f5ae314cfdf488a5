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

export const policyNames: readonly PolicyName[] = ["paper", "min", "random", "load-balancing", "local-cache-aware"];
export const admissionNames: readonly AdmissionName[] = ["none", "baseline", "early", "predictive", "request-level"];

/** Options with nothing left open. */
export type ConductorConfig = Required<ConductorOptions>;

/**
 * Fills in defaults and checks.
 *
 * @throws RangeError naming the option and its limit; also where a service level is below what an empty cluster would need for a request
 * of one token, so that every request would be turned away.
 */
export function conductorConfig(options: ConductorOptions): ConductorConfig {
  const config: ConductorConfig = {
    balancingThreshold: 1.25,
    ttftForm: options.policy === "paper" ? "sum" : "overlap",
    layerwiseHandoff: true,
    decodeTimeMs: 20_000,
    seed: 0,
    ...options,
  };
  oneOf("policy", config.policy, policyNames);
  oneOf("admission", config.admission, admissionNames);
  oneOf("ttftForm", config.ttftForm, ["sum", "overlap"]);
  for (const name of ["ttftLimitMs", "tbtLimitMs", "balancingThreshold", "decodeTimeMs"] as const) {
    if (!(config[name] > 0)) throw new RangeError(`${name} is ${config[name]}; it must be above 0`);
  }
  if (!Number.isInteger(config.blockTokens) || config.blockTokens < 1) {
    throw new RangeError(`blockTokens is ${config.blockTokens}; it must be an integer ≥ 1`);
  }
  if (config.admission !== "none") {
    const { prefill, decode } = config.estimators;
    aboveFloor("ttftLimitMs", config.ttftLimitMs, prefill.prefillMs(1, 0), "prefill of one token");
    aboveFloor("tbtLimitMs", config.tbtLimitMs, decode.stepMs(1, 1), "decode step of one sequence");
  }
  return config;
}

function oneOf(name: string, value: string, known: readonly string[]): void {
  if (!known.includes(value)) throw new RangeError(`${name} is ${value}; known are ${known.join(", ")}`);
}

function aboveFloor(name: string, limit: number, floor: number, what: string): void {
  if (limit >= floor) return;
  throw new RangeError(
    `${name} is ${limit}; a ${what} alone takes ${floor.toFixed(1)} ms by the cost model: nothing would be admitted. Set it to ${Math.ceil(floor)} or more`,
  );
}
