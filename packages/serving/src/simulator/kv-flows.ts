import type { CostModel } from "../costs/types.ts";
import type { EventQueue } from "./event-queue.ts";
import type { Job } from "./job.ts";
import { kinds } from "./kinds.ts";
import { Links } from "./links.ts";
import type { TransferResult } from "./result.ts";

/** What a flow carries: a prefix from worker to worker, blocks from a worker's own SSD, or a prompt's KV to where it decodes. */
export interface Cargo {
  readonly job: Job;
  readonly leg: "prefix" | "ssd" | "handoff";
  readonly from: number;
  readonly to: number;
  readonly bytes: number;
  /** Blocks `firstBlock` … `endBlock` − 1 of the request's. */
  readonly firstBlock: number;
  readonly endBlock: number;
}

interface UnderWay extends Cargo {
  readonly startMs: number;
  readonly aloneMs: number;
}

/** Links of a worker, from 3 × its id on. */
const out = 0;
const into = 1;
const ssd = 2;

/** KV on its way between workers and out of SSDs. */
export class KvFlows {
  readonly links: Links;
  readonly #capacities: readonly number[];
  readonly #cargo: (UnderWay | null)[] = [];
  readonly #bytes = { prefix: 0, ssd: 0, handoff: 0 };
  #count = 0;
  #slowdowns = 0;
  /** Of the network, in and out, bytes per ms. */
  readonly networkCapacity: number;
  /** Bytes that each worker has sent and received over the network. */
  readonly sent: Float64Array;
  readonly received: Float64Array;

  /** @param nodes - Nodes of each worker: its links are so many times a node's. */
  constructor(cost: CostModel, nodes: readonly number[], events: EventQueue) {
    this.#capacities = nodes.flatMap((n) => [
      n * cost.networkBytesPerMs,
      n * cost.networkBytesPerMs,
      n * cost.ssdBytesPerMs,
    ]);
    this.networkCapacity = this.#capacities.reduce((sum, capacity, i) => sum + (i % 3 === ssd ? 0 : capacity), 0);
    this.links = new Links(this.#capacities, (flow, endMs, version) =>
      events.push(endMs, kinds.flowEnd, flow, version),
    );
    this.sent = new Float64Array(nodes.length);
    this.received = new Float64Array(nodes.length);
  }

  /**
   * @param limit - Bytes per ms that it is made at; Infinity where it is all there.
   * @param fromSsd - The sender reads it from its SSD.
   */
  start(cargo: Cargo, nowMs: number, limit: number, fromSsd: boolean): number {
    const { from, to, bytes, leg } = cargo;
    const hops = leg === "ssd" ? [3 * from + ssd] : [3 * from + out, 3 * to + into];
    if (fromSsd && leg !== "ssd") hops.push(3 * from + ssd);
    const alone = Math.min(limit, ...hops.map((link) => this.#capacities[link]));
    const flow = this.links.nextFlow();
    this.#cargo[flow] = { ...cargo, startMs: nowMs, aloneMs: bytes / alone };
    this.links.start(nowMs, bytes, limit, hops[0], hops[1], hops[2]);
    return flow;
  }

  /** A flow has ended. @returns what it carried; null if the event has been overtaken by a change of rates. */
  arrived(flow: number, version: number, nowMs: number): Cargo | null {
    if (!this.links.isCurrent(flow, version)) return null;
    const cargo = this.#cargo[flow] as UnderWay;
    this.#cargo[flow] = null;
    this.links.end(nowMs, flow);
    this.#bytes[cargo.leg] += cargo.bytes;
    if (cargo.leg !== "ssd") {
      this.sent[cargo.from] += cargo.bytes;
      this.received[cargo.to] += cargo.bytes;
    }
    this.#count++;
    this.#slowdowns += Math.max(1, (nowMs - cargo.startMs) / cargo.aloneMs);
    return cargo;
  }

  cancel(flow: number, nowMs: number): void {
    this.#cargo[flow] = null;
    this.links.end(nowMs, flow);
  }

  result(nowMs: number): TransferResult {
    let busiest = 0;
    let carried = 0;
    for (const [link, capacity] of this.#capacities.entries()) {
      if (link % 3 === ssd) continue;
      const bytes = this.links.bytesOf(nowMs, link);
      carried += bytes;
      busiest = Math.max(busiest, bytes / (capacity * Math.max(1, nowMs)));
    }
    return {
      prefixBytes: this.#bytes.prefix,
      handoffBytes: this.#bytes.handoff,
      ssdBytes: this.#bytes.ssd,
      flows: this.#count,
      meanSlowdown: this.#count === 0 ? null : this.#slowdowns / this.#count,
      meanLinkUtilization: carried / (this.networkCapacity * Math.max(1, nowMs)),
      maxLinkUtilization: busiest,
    };
  }
}
