import type { CostModel } from "../costs/types.ts";
import type { TraceInfo } from "../traces/types.ts";
import type { SimulationConfig } from "./config.ts";
import type { EventQueue } from "./event-queue.ts";
import type { Job } from "./job.ts";
import type { Metrics } from "./metrics.ts";
import type { NodeResult, RoleSwitch, TransferResult } from "./result.ts";

/** What a cluster is made with. */
export interface ClusterContext {
  readonly config: SimulationConfig;
  readonly cost: CostModel;
  readonly trace: TraceInfo;
  readonly events: EventQueue;
  readonly metrics: Metrics;
  /** ms of wall time; only for the cost of decisions, which no result depends on. */
  readonly wallClock: () => number;
}

/** State at a moment, for the series. */
export interface ClusterSample {
  prefillQueue: number;
  decodeBatch: number;
  decodeQueue: number;
  prefillLoad: number;
  decodeLoad: number;
  /** Of all prefill instances together since the start, and how many there are. */
  prefillBusyMs: number;
  prefillInstances: number;
  /** Bytes over all links since the start, and the links' capacity in bytes per ms. */
  carriedBytes: number;
  linkCapacity: number;
}

/** A cluster in virtual time. It is told what happens, and puts what will happen into the queue of events. */
export interface Cluster {
  arrive(job: Job, nowMs: number): void;
  /** An event of its own kinds. */
  handle(kind: number, subject: number, version: number, nowMs: number): void;
  /** Every {@link reportMs} while there is work. */
  report(nowMs: number): void;
  sample(nowMs: number): ClusterSample;
  nodes(nowMs: number): NodeResult[];
  transfers(nowMs: number): TransferResult;
  readonly roleSwitches: readonly RoleSwitch[];
  /** Copies of a block that prefill instances hold. */
  replicas(block: number): number;
  evictedBlocks(): { device: number; dram: number; ssd: number };
  storedBlocks(): number;
  /** @throws Error naming the first broken invariant. */
  checkIntegrity(): void;
}

/** How often workers report their loads, ms of virtual time. */
export const reportMs = 1000;
