import { parentPort, workerData } from "node:worker_threads";
import { bindBlas, leastBlasWork } from "./blas.ts";
import { poison } from "./control.ts";
import { instantiate } from "./kernel-module.ts";

/** What a thread of the pool is started with. */
export interface ThreadStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly control: number;
  readonly ring: number;
  readonly ringMask: number;
  readonly scratchBase: number;
  readonly tileWidth: number;
  /** Path of a BLAS to multiply with. */
  readonly blas: string | null;
  readonly thread: number;
  readonly threads: number;
}

const start = workerData as ThreadStart;
try {
  const kernels = instantiate(
    start.module,
    start.memory,
    start.blas === null ? undefined : bindBlas(start.blas, start.memory),
  );
  if (start.blas !== null) kernels.setBlasWork(leastBlasWork);
  kernels.setScratchBase(start.scratchBase);
  kernels.setTileWidth(start.tileWidth);
  parentPort?.postMessage({ kind: "ready" });
  kernels.work(start.control, start.ring, start.ringMask, start.thread, start.threads);
} catch (error) {
  // The others wait for this thread at the barrier: let them go before anything else.
  poison(new Int32Array(start.memory.buffer), start.control);
  parentPort?.postMessage({ kind: "died", message: (error as Error).message });
}
