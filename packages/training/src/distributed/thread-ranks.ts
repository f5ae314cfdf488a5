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

/** Options of {@link runThreadRanks}. */
export interface ThreadRanksOptions {
  readonly size: number;
  /** A module that exports `rank(context: RankContext, data)`, which every thread calls. */
  readonly module: URL;
  /** Cloned to every thread. */
  readonly data?: unknown;
  /** Seconds that a collective waits for the slowest rank. */
  readonly limitSeconds?: number;
}

/** How each rank ended: what its function returned, or why it failed. */
export type RankOutcomes = readonly PromiseSettledResult<unknown>[];

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
 * Runs one worker thread per rank and waits for all. A thread that throws or dies ends the others, whose errors say which it was and
 * why. Never rejects.
 *
 * @example
 * for (const outcome of await runThreadRanks({ size: 2, module: new URL("./rank.ts", import.meta.url) })) console.log(outcome);
 */
export async function runThreadRanks({ size, module, data, limitSeconds }: ThreadRanksOptions): Promise<RankOutcomes> {
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
  return Promise.allSettled(outcomes);
}
