import { Worker } from "node:worker_threads";
import { controlWords, poison } from "./control.ts";
import type { ThreadStart } from "./worker.ts";

/** The threads that run the queue. */
export interface ThreadPool {
  /** Keeps the process alive while a read is waited for. */
  hold(): void;
  release(): void;
  /** Test hook: ends one thread as a crash would. */
  kill(thread: number): Promise<void>;
  /** Waits for the threads to leave after the stop command. */
  join(): Promise<void>;
}

/** Starts the threads; `onDeath` is told when one ends that was not asked to. */
export async function startPool(
  start: Omit<ThreadStart, "thread">,
  onDeath: (reason: string) => void,
): Promise<ThreadPool> {
  const words = new Int32Array(start.memory.buffer);
  let stopping = false;
  const die = (thread: number, reason: string) => {
    poison(words, start.control);
    if (!stopping) onDeath(`thread ${thread} of ${start.threads} died: ${reason}`);
  };
  const workers = Array.from({ length: start.threads }, (_, thread) => {
    const workerData: ThreadStart = { ...start, thread };
    return new Worker(new URL("./worker.ts", import.meta.url), { workerData, name: `baltoro-wasm-${thread}` });
  });
  const exits = workers.map((worker) => new Promise<void>((resolve) => worker.once("exit", () => resolve())));
  await Promise.all(
    workers.map(
      (worker, thread) =>
        new Promise<void>((resolve, reject) => {
          worker.on("message", (message: { kind: string; message?: string }) => {
            if (message.kind === "ready") resolve();
            else {
              die(thread, message.message ?? "unknown");
              // Only before it was ready: a promise settles once.
              reject(new Error(`the WASM device cannot start: ${message.message ?? "unknown"}`));
            }
          });
          worker.once("error", (error) => {
            die(thread, String(error));
            reject(error);
          });
          worker.once("exit", (code) => {
            // A thread that leaves because another died must not be taken for the cause, whose own message may come later.
            const innocent = code === 0 && Atomics.load(words, start.control / 4 + controlWords.poison) !== 0;
            if (innocent) setTimeout(() => die(thread, "it was left waiting"), 60).unref();
            else die(thread, `it exited with code ${code}`);
          });
        }),
    ),
  );
  let holds = 0;
  for (const worker of workers) worker.unref();
  return {
    hold() {
      if (holds++ === 0) workers[0].ref();
    },
    release() {
      if (--holds === 0) workers[0].unref();
    },
    async kill(thread) {
      await workers[thread].terminate();
    },
    async join() {
      stopping = true;
      const late = setTimeout(() => {
        for (const worker of workers) void worker.terminate();
      }, 2000);
      await Promise.all(exits);
      clearTimeout(late);
    },
  };
}
