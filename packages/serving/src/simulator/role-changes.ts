import { createRoleSwitcher, initialRoleSwitchState, type RoleSwitcher } from "../admission/index.ts";
import type { Role } from "../conductor/index.ts";
import type { Estimators } from "../estimators/index.ts";
import type { ClusterView } from "../view/index.ts";
import type { SimulationConfig } from "./config.ts";
import type { RoleSwitch } from "./result.ts";
import type { SplitWorker } from "./split-worker.ts";

/** Lets workers change roles as the switcher advises: a worker finishes what it has first. */
export class RoleChanges {
  readonly switches: RoleSwitch[] = [];
  readonly #view: ClusterView;
  readonly #workers: readonly SplitWorker[];
  readonly #switcher: RoleSwitcher | null;
  readonly #changing = new Map<SplitWorker, { from: Role; to: Role }>();
  #state = initialRoleSwitchState;

  constructor(config: SimulationConfig, view: ClusterView, estimators: Estimators, workers: readonly SplitWorker[]) {
    const { ttftLimitMs, tbtLimitMs } = config;
    this.#view = view;
    this.#workers = workers;
    this.#switcher = config.roleSwitching ? createRoleSwitcher({ ttftLimitMs, tbtLimitMs, estimators }) : null;
  }

  look(nowMs: number): void {
    if (!this.#switcher) return;
    const { advice, state } = this.#switcher.advise(this.#view, nowMs, this.#state);
    this.#state = state;
    if (!advice) return;
    const worker = this.#workers[advice.worker];
    if (this.#changing.has(worker)) return;
    this.#changing.set(worker, { from: worker.role, to: advice.role });
    this.#setRole(worker, "draining", nowMs);
    this.settle(worker, nowMs);
  }

  /** To be called when a worker has one job less. */
  settle(worker: SplitWorker, nowMs: number): void {
    if (worker.assigned > 0) return;
    const change = this.#changing.get(worker);
    if (!change) return;
    this.#changing.delete(worker);
    this.#setRole(worker, change.to, nowMs);
    this.switches.push({ atMs: nowMs, worker: worker.id, ...change });
  }

  #setRole(worker: SplitWorker, role: Role, nowMs: number): void {
    worker.role = role;
    worker.emit(nowMs, { kind: "role", role });
  }
}
