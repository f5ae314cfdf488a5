/** The thread that opens a rank's NCCL communicator, watches over it and ends it: see nccl-communicator.ts. */
import { parentPort, workerData } from "node:worker_threads";
import { endProcessIn, loadNccl, openGpu } from "@baltoro/tensor";
import { ncclWatch } from "./nccl-watch.ts";
import { ncclWords } from "./nccl-words.ts";
import { failSockets } from "./socket-memory.ts";

/** What the thread is started with. */
export interface NcclThreadStart {
  /** Which of the visible GPUs. */
  readonly ordinal: number;
  readonly rank: number;
  readonly size: number;
  /** Of NCCL's group. */
  readonly id: Uint8Array;
  readonly memory: SharedArrayBuffer;
  readonly words: SharedArrayBuffer;
  readonly limitSeconds: number;
}

/** How often it looks around. */
const lookMilliseconds = 100;

const { ordinal, rank, size, id, memory, words: shared, limitSeconds } = workerData as NcclThreadStart;
const words = new Int32Array(shared);
try {
  // NCCL takes the GPU of the thread's context.
  const gpu = openGpu(ordinal);
  const nccl = loadNccl();
  const comm = nccl.join(id, size, rank);
  parentPort?.postMessage(comm);
  const watch = ncclWatch({ nccl, comm, rank, memory, words, limitSeconds, endProcessIn });
  while (watch.look(performance.now())) Atomics.wait(words, ncclWords.command, 0, lookMilliseconds);
  gpu.release();
} catch (error) {
  failSockets(memory, `rank ${rank}: ${(error as Error).message}`);
}
