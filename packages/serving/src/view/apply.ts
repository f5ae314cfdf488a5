import { type Role, type Tier, tiers } from "../conductor/types.ts";
import { checkEvent } from "./check-event.ts";
import { type Applied, conductorId, type Joined, type Load, type Snapshot, type ViewEvent } from "./events.ts";
import { firstHeld, givesUp, openStream, type Stream } from "./stream.ts";
import type { ClusterView } from "./view.ts";

const applied: Applied = { status: "applied" };
const duplicate: Applied = { status: "duplicate" };
const unknown: Applied = { status: "unknown" };

/**
 * Applies an event; the only way a view changes.
 *
 * Each sender's events are applied in order of their numbers. One seen already is ignored. One that comes too early is kept back, and the
 * answer says which are missing, so that the caller can ask for them again. When the gap stays (see stream.ts), the sender's blocks are
 * forgotten and its stream goes on behind the gap: what the view then holds of it is true though not all, and its next snapshot
 * brings the rest. docs/decisions/0006-view-repair.md.
 *
 * @throws RangeError naming the field, if a value is out of range or time goes backwards within a stream; nothing has changed then.
 */
export function applyEvent(view: ClusterView, event: ViewEvent): Applied {
  checkEvent(event);
  if (event.kind === "joined") return join(view, event);
  const stream = event.worker === conductorId ? view.conductorStream : view.streams[event.worker];
  const epoch = event.epoch ?? 0;
  if (!stream || epoch > stream.epoch) {
    view.repairs.unknown++;
    return unknown;
  }
  if (epoch < stream.epoch) return ignored(view);
  if (event.kind === "snapshot") return restate(view, stream, event);
  if (event.sequence < stream.next || stream.held.has(event.sequence)) return ignored(view);
  if (event.sequence > stream.next) return holdBack(view, stream, event);
  if (event.atMs < stream.atMs) {
    throw new RangeError(
      `time goes backwards: atMs of event ${event.sequence} of ${event.worker === conductorId ? "the conductor" : `worker ${event.worker}`} is ${event.atMs}, after ${stream.atMs}`,
    );
  }
  const result = take(view, stream, event);
  if (stream.held.size > 0) drain(view, stream);
  return result;
}

/** Applies a log to a view. @returns how many of its events changed it. */
export function replayLog(view: ClusterView, log: Iterable<ViewEvent>): number {
  let count = 0;
  for (const event of log) if (applyEvent(view, event).status === "applied") count++;
  return count;
}

function ignored(view: ClusterView): Applied {
  view.repairs.duplicates++;
  return duplicate;
}

function holdBack(view: ClusterView, stream: Stream, event: ViewEvent): Applied {
  stream.held.set(event.sequence, event);
  view.repairs.held++;
  if (givesUp(stream, event.atMs)) {
    view.repairs.dropped++;
    if (event.worker !== conductorId) view.index.forget(event.worker);
    stream.next = firstHeld(stream);
    drain(view, stream);
    // Behind the first gap there may be another.
    return { status: "dropped", ...missing(stream, event) };
  }
  return { status: "held", ...missing(stream, event) };
}

function missing(stream: Stream, event: ViewEvent): Pick<Applied, "missing"> {
  if (stream.held.size === 0) return {};
  return { missing: { worker: event.worker, from: stream.next, to: firstHeld(stream) - 1 } };
}

function drain(view: ClusterView, stream: Stream): void {
  for (let event = stream.held.get(stream.next); event; event = stream.held.get(stream.next)) {
    stream.held.delete(stream.next);
    take(view, stream, event);
  }
}

function take(view: ClusterView, stream: Stream, event: ViewEvent): Applied {
  stream.next = event.sequence + 1;
  // One that was kept back is not refused any more: its time is taken as its predecessor's, should it be before it.
  stream.atMs = Math.max(stream.atMs, event.atMs);
  return change(view, stream, event, stream.atMs) ? applied : unknown;
}

/** @returns false if it is about something unknown. */
function change(view: ClusterView, stream: Stream, event: ViewEvent, atMs: number): boolean {
  const { index, requests, workers } = view;
  if (event.worker !== conductorId && workers.role[event.worker] === undefined) {
    view.repairs.unknown++;
    return false;
  }
  switch (event.kind) {
    case "stored":
      for (let i = 0; i < event.blocks.length; i++) index.add(event.worker, event.blocks[i], event.tier);
      return true;
    case "removed":
      for (let i = 0; i < event.blocks.length; i++) index.remove(event.worker, event.blocks[i], event.tier);
      return true;
    case "load":
      correct(view, event);
      return true;
    case "role":
      workers.setRole(event.worker, event.role);
      return true;
    case "left":
      leave(view, event.worker, atMs);
      // Its number stays: what comes late from this life is known to be old.
      stream.held.clear();
      return true;
    case "assigned": {
      const { prefill, decode, request, transfers } = event.decision;
      const known = [prefill, decode, ...transfers.map(({ from }) => from)].every((worker) => workers.role[worker]);
      if (!known || requests.byId.has(request)) break;
      requests.assign(event);
      return true;
    }
    case "prefilled":
    case "transferred":
    case "finished": {
      const request = requests.byId.get(event.request);
      if (!request) break;
      if (event.kind === "prefilled") requests.prefilled(request, atMs);
      else if (event.kind === "finished") requests.finish(request, atMs);
      else if (event.leg === "prefix") requests.prefixArrived(request);
      else requests.arrived(request, atMs);
      return true;
    }
  }
  view.repairs.unknown++;
  return false;
}

function join(view: ClusterView, event: Joined): Applied {
  const { worker, atMs, epoch = 0 } = event;
  const before = view.streams[worker];
  if (before && epoch <= before.epoch) return ignored(view);
  const { workers } = view;
  workers.reach(worker);
  view.requests.reach(worker);
  if (workers.role[worker] !== undefined) leave(view, worker, atMs);
  while (view.streams.length < worker) view.streams.push(undefined);
  view.streams[worker] = { ...openStream(epoch), next: event.sequence + 1, atMs };
  workers.clear(worker);
  workers.name[worker] = event.name;
  workers.kvCapacityTokens[worker] = event.kvCapacityTokens ?? Number.POSITIVE_INFINITY;
  workers.egressBytesPerMs[worker] = event.egressBytesPerMs ?? Number.POSITIVE_INFINITY;
  workers.ingressBytesPerMs[worker] = event.ingressBytesPerMs ?? Number.POSITIVE_INFINITY;
  workers.ssdBytesPerMs[worker] = event.ssdBytesPerMs ?? Number.POSITIVE_INFINITY;
  workers.prefillSpeed[worker] = event.prefillSpeed ?? 1;
  workers.setRole(worker, event.role);
  return applied;
}

function leave(view: ClusterView, worker: number, atMs: number): void {
  view.requests.abandon(worker, atMs);
  view.index.forget(worker);
  view.workers.setRole(worker, undefined);
}

function correct(view: ClusterView, { worker, atMs, prefillBacklogMs, decodeContextTokens, stepMs }: Load): void {
  const { workers } = view;
  if (stepMs !== undefined) workers.stepMs[worker] = stepMs;
  // Without a queue, or a batch, there is nothing to correct: what it reports is of requests that it has not been given here.
  if (prefillBacklogMs !== undefined && workers.queued[worker] > 0) {
    workers.queueCorrectionMs[worker] += prefillBacklogMs - workers.queueMs(worker, atMs);
  }
  if (decodeContextTokens !== undefined && workers.batch[worker] > 0) {
    workers.contextCorrection[worker] +=
      decodeContextTokens - workers.contextTokens(worker, atMs, workers.stepMs[worker]);
  }
}

function restate(view: ClusterView, stream: Stream, event: Snapshot): Applied {
  // Older than what is known: it would bring back blocks that are gone.
  if (event.sequence < stream.next - 1) return ignored(view);
  const { worker, atMs } = event;
  if (view.workers.role[worker] === undefined) {
    view.repairs.unknown++;
    return unknown;
  }
  view.repairs.snapshots++;
  view.index.forget(worker);
  for (const tier of tiers) addAll(view, worker, tier, event.blocks[tier]);
  restateRole(view, worker, event.role);
  if (event.requests) restateRequests(view, event, event.requests);
  stream.next = event.sequence + 1;
  stream.atMs = Math.max(stream.atMs, atMs);
  for (const sequence of stream.held.keys()) if (sequence < stream.next) stream.held.delete(sequence);
  drain(view, stream);
  return applied;
}

function addAll(view: ClusterView, worker: number, tier: Tier, blocks: ArrayLike<number> | undefined): void {
  for (let i = 0; i < (blocks?.length ?? 0); i++) view.index.add(worker, (blocks as ArrayLike<number>)[i], tier);
}

function restateRole(view: ClusterView, worker: number, role: Role): void {
  if (view.workers.role[worker] !== role) view.workers.setRole(worker, role);
}

function restateRequests(
  view: ClusterView,
  { worker, atMs }: Snapshot,
  { held, assignedThrough }: NonNullable<Snapshot["requests"]>,
): void {
  const listed = new Set(held);
  for (const request of view.requests.of(worker)) {
    const has = listed.has(request.id);
    if (request.decode === worker && has && !request.arrived && request.prefill !== worker) {
      view.requests.arrived(request, atMs);
    } else if (!has && request.assignedSequence <= assignedThrough) {
      if (request.decode === worker && request.arrived) view.requests.finish(request, atMs);
      else if (request.prefill === worker) view.requests.prefilled(request, atMs);
    }
  }
}
