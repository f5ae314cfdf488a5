import type { BlockId, Decision, RequestId, Role, Tier, WorkerId } from "../conductor/types.ts";

/** The `worker` of events that the conductor itself makes. */
export const conductorId = -1;

/** On every event. */
export interface EventHead {
  /** Whose stream it belongs to. */
  readonly worker: WorkerId;
  /** Counts a worker's lives; a restarted worker joins with a greater one and numbers from 0 again. Default 0. */
  readonly epoch?: number;
  /** 0, 1, 2, … within a life. `joined` is 0; the conductor's own start with 0 too. */
  readonly sequence: number;
  /** The view's one clock; within a stream it never goes backwards. */
  readonly atMs: number;
}

/** First event of a worker's life. */
export interface Joined extends EventHead {
  readonly kind: "joined";
  readonly role: Role;
  readonly name?: string;
  /** KV tokens that its device can hold for decoding. Default: no limit. */
  readonly kvCapacityTokens?: number;
  /** Default: no limit. */
  readonly egressBytesPerMs?: number;
  readonly ingressBytesPerMs?: number;
  /** Of its SSD; loading a block from there costs this. Default: no limit. */
  readonly ssdBytesPerMs?: number;
  /** Prefill speed relative to the estimator's worker. Default 1. */
  readonly prefillSpeed?: number;
}

/** Last event of a worker's life: its blocks and its requests are gone. */
export interface Left extends EventHead {
  readonly kind: "left";
}

/** The worker takes another role; what it has under way stays. */
export interface RoleChanged extends EventHead {
  readonly kind: "role";
  readonly role: Role;
}

export interface Stored extends EventHead {
  readonly kind: "stored";
  readonly blocks: ArrayLike<BlockId>;
  readonly tier: Tier;
}

export interface Removed extends EventHead {
  readonly kind: "removed";
  readonly blocks: ArrayLike<BlockId>;
  readonly tier: Tier;
}

/** What a worker measures of itself; corrects what the view reckons from the other events. Absent fields say nothing. */
export interface Load extends EventHead {
  readonly kind: "load";
  /** Prefill work that it still has, the running one included. */
  readonly prefillBacklogMs?: number;
  /** Context tokens of the sequences that it decodes. */
  readonly decodeContextTokens?: number;
  /** Recent mean time of a decode step. */
  readonly stepMs?: number;
}

/** The conductor's decision takes effect. `worker` is {@link conductorId}. */
export interface Assigned extends EventHead {
  readonly kind: "assigned";
  readonly decision: Decision;
  readonly outputClass?: number;
}

/** `worker` has finished a prefill: the first token is out. */
export interface Prefilled extends EventHead {
  readonly kind: "prefilled";
  readonly request: RequestId;
}

/** KV has arrived at `worker`: the fetched prefix at the prefill worker, or the handoff at the decode worker, whose batch it joins. */
export interface Transferred extends EventHead {
  readonly kind: "transferred";
  readonly request: RequestId;
  readonly leg: "prefix" | "handoff";
}

/** The request is over, wherever it was. `worker` is who says so: a worker or the conductor. */
export interface Finished extends EventHead {
  readonly kind: "finished";
  readonly request: RequestId;
  readonly outcome: "complete" | "cancelled" | "rejected" | "failed";
  readonly outputTokens: number;
}

/** All that a worker holds, in place of events that were lost. Its `sequence` is that of the last event it covers. */
export interface Snapshot extends EventHead {
  readonly kind: "snapshot";
  readonly role: Role;
  readonly blocks: { readonly [tier in Tier]?: ArrayLike<BlockId> };
  /** Requests that it still has, and the last of the conductor's events that it knew of then: later ones may be on their way to it. */
  readonly requests?: { readonly held: readonly RequestId[]; readonly assignedThrough: number };
}

export type ViewEvent =
  | Joined
  | Left
  | RoleChanged
  | Stored
  | Removed
  | Load
  | Assigned
  | Prefilled
  | Transferred
  | Finished
  | Snapshot;

/**
 * What became of an event.
 * `applied`; `duplicate`: known already, ignored; `held`: kept back until what is missing comes, ask for a replay of `missing`;
 * `dropped`: too much is missing, the worker's blocks are forgotten until it sends a snapshot; `unknown`: of nobody's life, ignored.
 */
export interface Applied {
  readonly status: "applied" | "duplicate" | "held" | "dropped" | "unknown";
  /** Sequence numbers to be replayed, both included. */
  readonly missing?: { readonly worker: WorkerId; readonly from: number; readonly to: number };
}
