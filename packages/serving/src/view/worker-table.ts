import { maxWorkers, type Role, type WorkerId } from "../conductor/types.ts";

/** Columns of what is known of each worker, by id. `decide` reads them for hundreds of workers in a few microseconds. */
export class WorkerTable {
  readonly role: (Role | undefined)[] = [];
  readonly name: (string | undefined)[] = [];
  /** Workers that may be given prefills, and decodes, in order of id. */
  prefillers: readonly WorkerId[] = [];
  decoders: readonly WorkerId[] = [];
  /** All that are there. */
  live: readonly WorkerId[] = [];

  kvCapacityTokens = new Float64Array(0);
  egressBytesPerMs = new Float64Array(0);
  ingressBytesPerMs = new Float64Array(0);
  ssdBytesPerMs = new Float64Array(0);
  prefillSpeed = new Float64Array(0);

  /** Prefill queue: predicted ms of all that is in it; of the running one; when that began (later than now: it waits for its prefix). */
  queuedMs = new Float64Array(0);
  headMs = new Float64Array(0);
  headStartMs = new Float64Array(0);
  queued = new Int32Array(0);
  /** Reported backlog less the reckoned one; gone with the queue. */
  queueCorrectionMs = new Float64Array(0);

  /** Decode batch: sequences that have arrived, sum of their prompts and first tokens, and of when they arrived. */
  batch = new Int32Array(0);
  batchInputTokens = new Float64Array(0);
  batchStartMs = new Float64Array(0);
  /** Reported context less the reckoned one. */
  contextCorrection = new Float64Array(0);
  /** Reported step time, or 0. */
  stepMs = new Float64Array(0);
  /** Input and predicted output of all that is assigned to it for decoding. */
  reservedTokens = new Float64Array(0);

  /** KV under way. */
  egressBytes = new Float64Array(0);
  ingressBytes = new Float64Array(0);

  /** Makes room for a worker. @throws RangeError if the id is out of range. */
  reach(worker: WorkerId): void {
    if (!Number.isInteger(worker) || worker < 0 || worker >= maxWorkers) {
      throw new RangeError(`worker ${worker} is not an integer from 0 to ${maxWorkers - 1}`);
    }
    if (worker < this.queued.length) return;
    const room = Math.max(worker + 1, this.queued.length * 2, 16);
    for (const name of floatColumns) this[name] = copyInto(new Float64Array(room), this[name]);
    for (const name of intColumns) this[name] = copyInto(new Int32Array(room), this[name]);
  }

  /** Sets all of a worker's columns to zero. */
  clear(worker: WorkerId): void {
    for (const name of floatColumns) this[name][worker] = 0;
    for (const name of intColumns) this[name][worker] = 0;
  }

  setRole(worker: WorkerId, role: Role | undefined): void {
    this.role[worker] = role;
    const ids = [...this.role.keys()];
    const can = (which: Role) => ids.filter((id) => this.role[id] === which || this.role[id] === "both");
    this.prefillers = can("prefill");
    this.decoders = can("decode");
    this.live = ids.filter((id) => this.role[id] !== undefined);
  }

  /** Prefill work ahead of a new request, in ms: the queue, less what the running one has done, plus what that still waits for. */
  queueMs(worker: WorkerId, nowMs: number): number {
    if (this.queued[worker] === 0) return 0;
    const done = Math.min(this.headMs[worker], nowMs - this.headStartMs[worker]);
    return Math.max(0, this.queuedMs[worker] + this.queueCorrectionMs[worker] - done);
  }

  /** KV tokens that a decode step reads, when each step takes `stepMs`. */
  contextTokens(worker: WorkerId, nowMs: number, stepMs: number): number {
    const batch = this.batch[worker];
    if (batch === 0) return 0;
    const generated = stepMs > 0 ? Math.max(0, batch * nowMs - this.batchStartMs[worker]) / stepMs : 0;
    return Math.max(batch, this.batchInputTokens[worker] + generated + this.contextCorrection[worker]);
  }
}

export const floatColumns = [
  "kvCapacityTokens",
  "egressBytesPerMs",
  "ingressBytesPerMs",
  "ssdBytesPerMs",
  "prefillSpeed",
  "queuedMs",
  "headMs",
  "headStartMs",
  "queueCorrectionMs",
  "batchInputTokens",
  "batchStartMs",
  "contextCorrection",
  "stepMs",
  "reservedTokens",
  "egressBytes",
  "ingressBytes",
] as const;

export const intColumns = ["queued", "batch"] as const;

function copyInto<T extends Float64Array | Int32Array>(to: T, from: T): T {
  to.set(from);
  return to;
}
