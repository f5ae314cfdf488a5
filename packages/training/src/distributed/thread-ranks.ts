import { Worker } from "node:worker_threads";
import type { Device } from "@baltoro/tensor";
import type { Communicator } from "./communicator.ts";
import { createThreadGroup, failThreadGroup, hasLeft, type ThreadGroup } from "./thread-transport.ts";

/** What a rank's function is given. */
export interface RankContext {
  readonly rank: number;
  readonly size: number;
  /** Collectives on a device that this rank opened. Once. */
  communicator(device: Device): Communicator;
}

/** Options of {@link startThreadRanks}. */
export interface ThreadRanksOptions {
  readonly size: number;
  /** A module that exports `rank(context: RankContext, data)`, which every thread calls. */
  readonly module: URL;
  /** Cloned to every thread. */
  readonly data?: unknown;
  /** Seconds that a collective waits for the slowest rank. */
  readonly limitSeconds?: number;
}

/** Ranks that run as worker threads of this process. */
export interface ThreadRanks {
  /** How each rank ended: what its function returned, or why it failed. Never rejects. */
  readonly outcomes: Promise<readonly PromiseSettledResult<unknown>[]>;
  /** Test hook: ends a rank as a crash would. */
  kill(rank: number): Promise<void>;
}

/** What a thread is started with. */
export interface ThreadRankStart {
  readonly group: ThreadGroup;
  readonly rank: number;
  readonly module: string;
  readonly data: unknown;
  readonly limitSeconds?: number;
}

export type ThreadRankMessage =
  | { readonly kind: "result"; readonly value: unknown }
  | { readonly kind: "failed"; readonly error: Error };

/**
 * Starts one worker thread per rank. A thread that throws or dies ends the others, whose errors say which it was and why.
 *
 * @example
 * const ranks = startThreadRanks({ size: 2, module: new URL("./rank.ts", import.meta.url) });
 * for (const outcome of await ranks.outcomes) console.log(outcome);
 */
export function startThreadRanks({ size, module, data, limitSeconds }: ThreadRanksOptions): ThreadRanks {
  const group = createThreadGroup(size);
  const workers = Array.from({ length: size }, (_, rank) => {
    const workerData: ThreadRankStart = {
      group,
      rank,
      module: module.href,
      data,
      ...(limitSeconds === undefined ? {} : { limitSeconds }),
    };
    return new Worker(new URL("./thread-rank.ts", import.meta.url), { workerData, name: `baltoro-rank-${rank}` });
  });
  const outcomes = workers.map(
    (worker, rank) =>
      new Promise<unknown>((resolve, reject) => {
        worker.on("message", (message: ThreadRankMessage) => {
          if (message.kind === "result") resolve(message.value);
          else reject(message.error);
        });
        worker.once("error", (error) => {
          failThreadGroup(group, `rank ${rank} failed: ${error.message}`);
          reject(error);
        });
        worker.once("exit", (code) => {
          if (!hasLeft(group, rank)) failThreadGroup(group, `rank ${rank} is lost: its thread ended with code ${code}`);
          reject(new Error(`rank ${rank}: its thread ended with code ${code}`));
        });
      }),
  );
  return {
    outcomes: Promise.allSettled(outcomes),
    async kill(rank) {
      await workers[rank].terminate();
    },
  };
}
