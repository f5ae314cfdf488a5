import type { Role, WorkerId } from "../conductor/types.ts";
import type { Estimators } from "../estimators/types.ts";
import type { ClusterView } from "../view/index.ts";
import { type DecodeLoad, presentLoad } from "./decode-load.ts";

/** When workers change sides. Loads are predicted TTFT, or TBT, over its limit, means of a pool. */
export interface RoleSwitchOptions {
  readonly ttftLimitMs: number;
  readonly tbtLimitMs: number;
  readonly estimators: Estimators;
  /** A pool above this wants a worker. Default 0.8. */
  readonly highLoad?: number;
  /** A pool below this, with one worker less, may give one. Default 0.6. */
  readonly lowLoad?: number;
  /** How long both must hold. Default 10,000 ms. */
  readonly holdMs?: number;
  /** Between two switches. Default 30,000 ms: a switched worker's effect must show before the next. */
  readonly cooldownMs?: number;
  /** Workers that a pool keeps at least. Default 1. */
  readonly minPrefill?: number;
  readonly minDecode?: number;
}

/** A worker that should take another role: it is drained first, then joins the other side. */
export interface RoleAdvice {
  readonly worker: WorkerId;
  readonly role: "prefill" | "decode";
  readonly prefillLoad: number;
  readonly decodeLoad: number;
}

/** What the switcher remembers between two looks. */
export interface RoleSwitchState {
  /** Which pool wants a worker, and since when. */
  readonly wanting: "prefill" | "decode" | null;
  readonly sinceMs: number;
  readonly switchedMs: number;
}

export const initialRoleSwitchState: RoleSwitchState = {
  wanting: null,
  sinceMs: 0,
  switchedMs: Number.NEGATIVE_INFINITY,
};

/** Looks at the view now and then, and says when a worker should change sides. */
export interface RoleSwitcher {
  /** Pure: the next state comes with the advice. */
  advise(
    view: ClusterView,
    nowMs: number,
    state: RoleSwitchState,
  ): { readonly advice: RoleAdvice | null; readonly state: RoleSwitchState };
}

/**
 * Role switching with hysteresis: the papers keep the ratio fixed but for "significant fluctuations" (FAST'25 §5.4). A worker moves when one
 * pool's load is high while the other's would stay low without it, for `holdMs`, and not within `cooldownMs` of the last. Between `lowLoad`
 * and `highLoad` nothing happens, so that a switch does not call for its reversal.
 *
 * @throws RangeError naming the option that is out of range.
 */
export function createRoleSwitcher(options: RoleSwitchOptions): RoleSwitcher {
  const { ttftLimitMs, tbtLimitMs, estimators } = options;
  const {
    highLoad = 0.8,
    lowLoad = 0.6,
    holdMs = 10_000,
    cooldownMs = 30_000,
    minPrefill = 1,
    minDecode = 1,
  } = options;
  for (const [name, value] of Object.entries({ ttftLimitMs, tbtLimitMs, highLoad, lowLoad })) {
    if (!(value > 0)) throw new RangeError(`${name} is ${value}; it must be above 0`);
  }
  if (lowLoad >= highLoad) throw new RangeError(`lowLoad is ${lowLoad}; it must be below highLoad, ${highLoad}`);
  for (const [name, value] of Object.entries({ holdMs, cooldownMs, minPrefill, minDecode })) {
    if (!(value >= 0)) throw new RangeError(`${name} is ${value}; it must be at least 0`);
  }
  const scratch: DecodeLoad = { batch: 0, contextTokens: 0 };

  return {
    advise(view, nowMs, state) {
      const { prefillers, decoders } = view.workers;
      const prefillLoad = meanOf(prefillers, (worker) => view.workers.queueMs(worker, nowMs) / ttftLimitMs);
      const decodeLoad = meanOf(decoders, (worker) => decodeMs(view, worker, nowMs) / tbtLimitMs);
      const givers = view.workers.role;
      const spare = (ids: readonly WorkerId[], least: number, role: Role) =>
        ids.length > least ? ids.filter((id) => givers[id] === role) : [];
      // Without one of n workers, the others have n / (n − 1) of the load each.
      const without = (load: number, count: number) =>
        count > 1 ? (load * count) / (count - 1) : Number.POSITIVE_INFINITY;
      const fromDecode = spare(decoders, minDecode, "decode");
      const fromPrefill = spare(prefillers, minPrefill, "prefill");
      let wanting: RoleSwitchState["wanting"] = null;
      if (prefillLoad > highLoad && fromDecode.length > 0 && without(decodeLoad, decoders.length) < lowLoad)
        wanting = "prefill";
      if (decodeLoad > highLoad && fromPrefill.length > 0 && without(prefillLoad, prefillers.length) < lowLoad)
        wanting = "decode";
      const sinceMs = wanting !== null && wanting === state.wanting ? state.sinceMs : nowMs;
      const due = wanting !== null && nowMs - sinceMs >= holdMs && nowMs - state.switchedMs >= cooldownMs;
      if (wanting === null || !due) {
        return { advice: null, state: { wanting, sinceMs, switchedMs: state.switchedMs } };
      }
      // The one that is done soonest.
      const worker =
        wanting === "prefill"
          ? least(fromDecode, (id) => view.requests.decoding(id))
          : least(fromPrefill, (id) => view.workers.queueMs(id, nowMs));
      return {
        advice: { worker, role: wanting, prefillLoad, decodeLoad },
        state: { wanting: null, sinceMs: nowMs, switchedMs: nowMs },
      };
    },
  };

  function decodeMs(view: ClusterView, worker: WorkerId, nowMs: number): number {
    presentLoad(view, worker, nowMs, estimators, scratch);
    return scratch.batch === 0 ? 0 : estimators.decode.stepMs(scratch.batch, scratch.contextTokens);
  }
}

function meanOf(ids: readonly WorkerId[], load: (worker: WorkerId) => number): number {
  // A pool without workers wants one before all else.
  if (ids.length === 0) return Number.POSITIVE_INFINITY;
  return ids.reduce((sum, id) => sum + load(id), 0) / ids.length;
}

function least(ids: readonly WorkerId[], key: (worker: WorkerId) => number): WorkerId {
  return ids.reduce((best, id) => (key(id) < key(best) ? id : best));
}
