import { type BlockId, tiers } from "../conductor/types.ts";
import { maxBlocks } from "../prefix-index/index.ts";
import { conductorId, type ViewEvent } from "./events.ts";

const roles = ["prefill", "decode", "both", "draining"];

/** @throws RangeError naming the first field that is out of range. */
export function checkEvent(event: ViewEvent): void {
  const { worker, sequence, atMs, epoch = 0 } = event;
  if (!isCount(sequence)) fail(event, "sequence", sequence, "an integer ≥ 0");
  if (!isCount(epoch)) fail(event, "epoch", epoch, "an integer ≥ 0");
  if (!Number.isFinite(atMs)) fail(event, "atMs", atMs, "a finite number of milliseconds");
  const fromConductor = worker === conductorId;
  if (!fromConductor && !isCount(worker)) fail(event, "worker", worker, "an integer ≥ 0");
  switch (event.kind) {
    case "joined":
      checkRole(event, event.role);
      for (const name of [
        "kvCapacityTokens",
        "egressBytesPerMs",
        "ingressBytesPerMs",
        "ssdBytesPerMs",
        "prefillSpeed",
      ]) {
        const value = (event as unknown as Record<string, unknown>)[name];
        if (value !== undefined && !(typeof value === "number" && value > 0)) fail(event, name, value, "above 0");
      }
      break;
    case "role":
      checkRole(event, event.role);
      break;
    case "stored":
    case "removed":
      if (!tiers.includes(event.tier)) fail(event, "tier", event.tier, tiers.join(", "));
      checkBlocks(event, event.blocks);
      break;
    case "snapshot":
      checkRole(event, event.role);
      for (const tier of tiers) checkBlocks(event, event.blocks[tier] ?? []);
      break;
    case "load":
      for (const name of ["prefillBacklogMs", "decodeContextTokens", "stepMs"] as const) {
        const value = event[name];
        if (value !== undefined && !(value >= 0 && value < Infinity)) fail(event, name, value, "a number ≥ 0");
      }
      break;
    case "assigned": {
      if (!fromConductor) fail(event, "worker", worker, `${conductorId}, the conductor`);
      const { ttftMs, prefillMs, transferMs, handoffMs, outputTokens } = event.decision.terms;
      for (const [name, value] of Object.entries({ ttftMs, prefillMs, transferMs, handoffMs, outputTokens })) {
        if (!(value >= 0 && value < Infinity)) fail(event, `decision.terms.${name}`, value, "a number ≥ 0");
      }
      break;
    }
    default:
      break;
  }
  if (fromConductor && event.kind !== "assigned" && event.kind !== "finished") {
    fail(event, "worker", worker, "a worker: the conductor only assigns and finishes");
  }
}

function checkRole(event: ViewEvent, role: string): void {
  if (!roles.includes(role)) fail(event, "role", role, roles.join(", "));
}

function checkBlocks(event: ViewEvent, blocks: ArrayLike<BlockId>): void {
  for (let i = 0; i < blocks.length; i++) {
    if (!isCount(blocks[i]) || blocks[i] >= maxBlocks) {
      fail(event, `blocks[${i}]`, blocks[i], `an integer from 0 to ${maxBlocks - 1}`);
    }
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function fail(event: ViewEvent, field: string, value: unknown, wanted: string): never {
  const sender = event.worker === conductorId ? "the conductor" : `worker ${event.worker}`;
  throw new RangeError(
    `${event.kind} event ${event.sequence} of ${sender}: ${field} is ${value}; it must be ${wanted}`,
  );
}
