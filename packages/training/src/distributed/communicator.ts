import type { BufferHandle, DType, FloatDType } from "@baltoro/tensor";

/** How an all-reduce puts the ranks' values together. A NaN of one rank need not survive `max`. */
export type ReduceOp = "sum" | "max";

/**
 * The collectives of one rank. All but `barrier` are put in order with the kernels of the rank's device, on buffers of that device:
 * the caller neither waits before nor after. NCCL enqueues them on the stream; on CPU devices the calling thread is held up until
 * the ranks have met. All ranks make the same calls in the same order, with the same counts.
 *
 * Reductions add in the order of the ranks, so a result has the same bits on every rank and in every run (CPU ranks; NCCL fixes
 * the order for a given topology and count only). Counts are elements; they are f32 where no other type is named. CPU ranks have no bf16: no
 * kernel of theirs has it.
 *
 * @throws RankError where a rank is lost, left, gave up, does not arrive in time, or makes another call. Nothing works afterwards.
 */
export interface Communicator {
  readonly rank: number;
  readonly size: number;
  /** Whether collectives may be part of a captured graph: not where they need the host. */
  readonly capturable: boolean;
  /** buffer [count] = sum or maximum over the ranks, on every rank. */
  allReduce(buffer: BufferHandle, count: number, op: ReduceOp, dtype?: FloatDType): void;
  /** output [count] = Σ over the ranks of their input [size · count] at rank · count. `output` may be that part of `input`. */
  reduceScatter(input: BufferHandle, output: BufferHandle, count: number, dtype?: FloatDType): void;
  /** output [size · count] = the ranks' inputs [count], in their order. `input` may be its own part of `output`. */
  allGather(input: BufferHandle, output: BufferHandle, count: number, dtype?: DType): void;
  /** buffer [count] = that of rank `root`. */
  broadcast(buffer: BufferHandle, count: number, root: number, dtype?: DType): void;
  /**
   * output [size · count]: part p is part `rank` of rank p's input [size · count]. The capacity is fixed: what a rank does not need
   * of a part is padding that it defines itself.
   */
  allToAll(input: BufferHandle, output: BufferHandle, count: number, dtype?: DType): void;
  /**
   * Sums or maxima of numbers of the hosts, over connections of the hosts: the device, which has the next step to do, is not waited for.
   * Absent where the device's memory is the host's.
   */
  reduceNumbers?(values: readonly number[], op: ReduceOp): readonly number[];
  /**
   * Resolves when every rank has got here. The one collective that may be awaited between steps; the thread is free meanwhile.
   * `limitSeconds` replaces the usual limit where one rank has much to do before.
   */
  barrier(limitSeconds?: number): Promise<void>;
  /** Ends all ranks: they fail with the reason, in or before their next collective. */
  abort(reason: string): void;
  /** Leaves in good order. Others that still wait for this rank are told that it left. */
  close(): Promise<void>;
}

/** A collective failed. The message names this rank, the operation and the rank at fault. */
export class RankError extends Error {
  override name = "RankError";
  readonly rank: number;
  readonly operation: string;

  constructor(rank: number, operation: string, reason: string) {
    super(`rank ${rank}, ${operation}: ${reason}`);
    this.rank = rank;
    this.operation = operation;
  }
}

/** Seconds that a collective waits for the slowest rank: BALTORO_RANK_TIMEOUT, default 300. @throws on anything but a positive number. */
export function rankTimeoutSeconds(environment: NodeJS.ProcessEnv = process.env): number {
  const text = environment["BALTORO_RANK_TIMEOUT"] ?? "300";
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value)))
    throw new Error(`BALTORO_RANK_TIMEOUT is ${text}, expected a positive number of seconds`);
  return value;
}
