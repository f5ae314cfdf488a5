import type { Nccl } from "@baltoro/tensor";
import { ncclCommands, ncclWords, shutCalls } from "./nccl-words.ts";
import { failSockets, socketFailure } from "./socket-memory.ts";

export interface NcclWatchOptions {
  readonly nccl: Pick<Nccl, "call" | "asyncError">;
  readonly comm: number;
  readonly rank: number;
  /** The group's state, see socket-memory.ts. */
  readonly memory: SharedArrayBuffer;
  /** See nccl-words.ts. */
  readonly words: Int32Array;
  /** How long the device may take between two marks. */
  readonly limitSeconds: number;
  /** Has the process ended if NCCL does not come back. 0 takes it back. */
  readonly endProcessIn: (seconds: number) => void;
}

/** How long NCCL may take to end a communicator. Then the process is ended: nothing else would. */
export const endSeconds = 60;
/** A rank that is lost is named by the sockets a moment after NCCL has noticed. */
const nameMilliseconds = 1000;
const callMilliseconds = 5000;
/** How long ranks that wait too long look for the one that does not answer. A rank that is held up in the driver cannot. */
export const rollCallSeconds = 10;
const spareSeconds = 5;

/**
 * Watches over a communicator. Kernels of NCCL wait on the device for ranks that may be gone: nobody but `ncclCommAbort` ends that, and the
 * rank's own thread may be held up in the driver meanwhile. `look` returns false once there is nothing left to watch.
 */
export function ncclWatch(options: NcclWatchOptions): { look(now: number): boolean } {
  const { nccl, comm, rank, memory, words, limitSeconds, endProcessIn } = options;
  let errorSince: number | null = null;
  let seen = { marked: 0, passed: 0, since: 0 };

  function end(how: "ncclCommAbort" | "ncclCommDestroy"): void {
    shutCalls(words, callMilliseconds);
    endProcessIn(endSeconds);
    try {
      nccl.call(how, comm);
    } catch (error) {
      failSockets(memory, `rank ${rank}: ${(error as Error).message}`);
    }
    endProcessIn(0);
  }

  /** Why the communicator is of no more use, as far as this rank can tell. */
  function trouble(now: number): string | null {
    const error = nccl.asyncError(comm);
    if (error !== null) {
      errorSince ??= now;
      if (now - errorSince >= nameMilliseconds) return `rank ${rank}: ${error}`;
    }
    const marked = Atomics.load(words, ncclWords.marked);
    const passed = Atomics.load(words, ncclWords.passed);
    if (marked === passed || marked !== seen.marked || passed !== seen.passed) seen = { marked, passed, since: now };
    const late = (now - seen.since) / 1000 - limitSeconds;
    Atomics.store(words, ncclWords.late, late >= 0 ? 1 : 0);
    if (late >= rollCallSeconds + spareSeconds)
      return `rank ${rank} gave up: its GPU did not finish what waits for other ranks within ${limitSeconds} s; one of them hangs, or does other work`;
    return null;
  }

  return {
    look(now) {
      if (socketFailure(memory) !== null) {
        end("ncclCommAbort");
        return false;
      }
      if (Atomics.load(words, ncclWords.command) === ncclCommands.leave) {
        end("ncclCommDestroy");
        return false;
      }
      const reason = trouble(now);
      if (reason !== null) failSockets(memory, reason);
      return true;
    },
  };
}
