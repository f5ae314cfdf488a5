import type { AdmissionName, PolicyName } from "../conductor/types.ts";
import { ConfigError } from "../costs/config-error.ts";
import type { CostName } from "../costs/types.ts";
import type { EvictionName } from "../pool/types.ts";

/** Coupled clusters: every instance prefills and decodes, as vLLM's. */
export interface CoupledConfig {
  /** Reuses prompt blocks that are still in the device's memory. */
  readonly prefixCaching: boolean;
  /** Mixes a piece of a prompt into each decode step, instead of stopping decode for a whole prompt. */
  readonly chunkedPrefill: boolean;
  /** Tokens of a step with chunked prefill; vLLM 0.5's default is 512. */
  readonly chunkTokens: number;
  readonly routing: "random" | "load-balancing" | "local-cache-aware";
}

/** A whole simulation. Plain data; every field has a default but the cluster, see {@link simulationConfig}. */
export interface SimulationConfig {
  /** "10P10D": nodes that prefill and nodes that decode; "20M": coupled nodes that do both. */
  readonly cluster: string;
  /** Name in the table of models (costs/models.ts). */
  readonly model: string;
  /** Name in the table of hardware (costs/hardware.ts). */
  readonly hardware: string;
  /** Which cost model the simulated hardware obeys. */
  readonly cost: CostName;
  /** Model FLOPs utilization of prefill, 0 < mfu ≤ 1; only of `equation-1` and `first-principles`. */
  readonly mfu: number;
  readonly policy: PolicyName;
  readonly admission: AdmissionName;
  readonly ttftLimitMs: number;
  readonly tbtLimitMs: number;
  /** kvcache_balancing_threshold of Algorithm 1. */
  readonly balancingThreshold: number;
  /** t_d of arXiv §7.3, ms. */
  readonly decodeTimeMs: number;
  readonly seed: number;
  /** Chunked-pipeline groups: nodes of one prefill instance. Divides the number of prefill nodes. */
  readonly prefillGroup: number;
  /** Tokens of a chunk that goes through the group's stages. */
  readonly prefillChunkTokens: number;
  /** KV is loaded and sent layer by layer while the prefill computes; else before and after it. */
  readonly layerwise: boolean;
  /** Sequences of a decode batch, at most. */
  readonly maxDecodeBatch: number;
  /** Prompt KV that a node keeps, GiB; in DRAM and on SSD. */
  readonly dramGiB: number;
  readonly ssdGiB: number;
  readonly eviction: EvictionName;
  /** How late the conductor hears of what happens on workers, ms. */
  readonly eventDelayMs: number;
  /** Lets prefill and decode nodes change roles as their loads ask. */
  readonly roleSwitching: boolean;
  readonly coupled: CoupledConfig;
  /** Step of the series of the result, ms. */
  readonly sampleMs: number;
}

export type SimulationInput = Partial<Omit<SimulationConfig, "coupled">> &
  Pick<SimulationConfig, "cluster"> & { readonly coupled?: Partial<CoupledConfig> };

const defaults: Omit<SimulationConfig, "cluster"> = {
  model: "llama3-70b",
  hardware: "a800",
  cost: "equation-1",
  mfu: 0.5,
  policy: "min",
  admission: "none",
  ttftLimitMs: 30_000,
  tbtLimitMs: 100,
  balancingThreshold: 1.25,
  decodeTimeMs: 20_000,
  seed: 1,
  prefillGroup: 1,
  prefillChunkTokens: 4096,
  layerwise: true,
  maxDecodeBatch: 256,
  dramGiB: 1000,
  ssdGiB: 0,
  eviction: "lru",
  eventDelayMs: 5,
  roleSwitching: false,
  coupled: { prefixCaching: false, chunkedPrefill: false, chunkTokens: 512, routing: "load-balancing" },
  sampleMs: 5000,
};

export interface ClusterShape {
  readonly prefill: number;
  readonly decode: number;
  /** Nodes that do both; then there are no others. */
  readonly coupled: number;
}

/** @throws ConfigError unless it reads like "10P10D" or "20M". */
export function parseCluster(cluster: string): ClusterShape {
  const split = /^(\d{1,5})P(\d{1,5})D$/i.exec(cluster);
  const coupled = /^(\d{1,5})M$/i.exec(cluster);
  const shape = {
    prefill: split ? Number(split[1]) : 0,
    decode: split ? Number(split[2]) : 0,
    coupled: coupled ? Number(coupled[1]) : 0,
  };
  const enough = split ? shape.prefill >= 1 && shape.decode >= 1 : shape.coupled >= 1;
  if (!enough) {
    throw new ConfigError(
      "cluster",
      `"${cluster}" is not like 10P10D (prefill and decode nodes, ≥ 1 each) or 20M (coupled nodes)`,
    );
  }
  return shape;
}

const positive = ["ttftLimitMs", "tbtLimitMs", "balancingThreshold", "decodeTimeMs", "sampleMs", "mfu"] as const;
const counts = ["prefillGroup", "prefillChunkTokens", "maxDecodeBatch"] as const;
const notNegative = ["dramGiB", "ssdGiB", "eventDelayMs"] as const;
const choices = {
  cost: ["equation-1", "measured", "first-principles"],
  policy: ["paper", "min", "random", "load-balancing", "local-cache-aware"],
  admission: ["none", "baseline", "early", "predictive", "request-level"],
  eviction: ["lru", "lfu", "length-aware"],
} as const;

/** Fills in defaults and checks what can be checked without the model and the trace. @throws ConfigError naming field and limit. */
export function simulationConfig(input: SimulationInput): SimulationConfig {
  const given = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
  const coupled = { ...defaults.coupled, ...input.coupled };
  const config = { ...defaults, ...given, coupled } as SimulationConfig;
  for (const field of Object.keys(given)) {
    if (field !== "cluster" && !(field in defaults)) throw new ConfigError(field, "no such field");
  }
  const shape = parseCluster(config.cluster);
  for (const field of positive) {
    if (!(Number.isFinite(config[field]) && config[field] > 0))
      throw new ConfigError(field, `${config[field]} is not > 0`);
  }
  for (const field of notNegative) {
    if (!(Number.isFinite(config[field]) && config[field] >= 0))
      throw new ConfigError(field, `${config[field]} is not ≥ 0`);
  }
  for (const field of counts) checkCount(field, config[field]);
  checkCount("coupled.chunkTokens", coupled.chunkTokens);
  if (config.mfu > 1) throw new ConfigError("mfu", `${config.mfu} is more than 1`);
  if (!Number.isSafeInteger(config.seed)) throw new ConfigError("seed", `${config.seed} is not an integer`);
  for (const [field, allowed] of Object.entries(choices)) {
    checkChoice(field, config[field as keyof typeof choices], allowed);
  }
  checkChoice("coupled.routing", coupled.routing, ["random", "load-balancing", "local-cache-aware"]);
  if (shape.prefill % config.prefillGroup !== 0) {
    throw new ConfigError(
      "prefillGroup",
      `${config.prefillGroup} does not divide the ${shape.prefill} prefill nodes of ${config.cluster}`,
    );
  }
  if (config.roleSwitching && config.prefillGroup !== 1) {
    throw new ConfigError(
      "roleSwitching",
      `nodes of a group of ${config.prefillGroup} cannot change roles; prefillGroup must be 1`,
    );
  }
  return config;
}

function checkCount(field: string, value: number): void {
  if (!(Number.isSafeInteger(value) && value >= 1)) throw new ConfigError(field, `${value} is not an integer ≥ 1`);
}

function checkChoice(field: string, value: string, allowed: readonly string[]): void {
  if (!allowed.includes(value)) throw new ConfigError(field, `"${value}" is none of ${allowed.join(", ")}`);
}
