import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { cudaBackendOf, type Device, endProcessIn, loadNccl, ncclCollectives, ncclIdBytes } from "@baltoro/tensor";
import { type Communicator, RankError, rankTimeoutSeconds } from "./communicator.ts";
import { agree, reduceNumbers } from "./nccl-agreement.ts";
import type { NcclThreadStart } from "./nccl-thread.ts";
import { endSeconds, rollCallSeconds } from "./nccl-watch.ts";
import { ncclCommands, ncclWordBytes, ncclWords, withinCall } from "./nccl-words.ts";
import { failSockets } from "./socket-memory.ts";
import type { SocketTransport } from "./socket-transport.ts";

/** How long ranks wait for one another when they leave. */
const leaveSeconds = 60;
/** A lost rank is noticed by the sockets at once, and by NCCL maybe earlier. */
const nameMilliseconds = 1000;

/**
 * Collectives of GPUs: enqueued on the stream of the device, on its buffers, without a copy to the host. The transport carries what is no
 * tensor: NCCL's id, barriers, why a rank gave up, and that a process is gone. Once a rank is lost, the work that waits for it is aborted, and
 * every use of the device, a read that waits included, ends with a RankError.
 *
 * Where NCCL does not come back from ending its work within a minute, the process is ended (SIGALRM).
 *
 * @throws RankError where ranks share a GPU, have NCCL of other versions, or do not connect in time; CudaUnavailableError without NCCL.
 */
export async function ncclCommunicator(
  device: Device,
  transport: SocketTransport,
  limitSeconds: number = rankTimeoutSeconds(),
): Promise<Communicator> {
  try {
    return await connect(device, transport, limitSeconds);
  } catch (error) {
    transport.abort((error as Error).message);
    await transport.close();
    throw error;
  }
}

async function connect(device: Device, transport: SocketTransport, limitSeconds: number): Promise<Communicator> {
  const { rank, size, memory } = transport;
  const backend = cudaBackendOf(device);
  const nccl = loadNccl();
  const id = agree(
    transport,
    nccl.version,
    backend.gpu.uuid,
    rank === 0 ? nccl.uniqueId() : new Uint8Array(ncclIdBytes),
  );
  const shared = new SharedArrayBuffer(ncclWordBytes);
  const words = new Int32Array(shared);
  const start: NcclThreadStart = { ordinal: backend.gpu.ordinal, rank, size, id, memory, words: shared, limitSeconds };
  const worker = new Worker(new URL("./nccl-thread.ts", import.meta.url), {
    workerData: start,
    name: `baltoro-nccl-${rank}`,
  });
  const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  worker.once("error", (error) => failSockets(memory, `rank ${rank}: ${error.message}`));
  const comm = await connected(worker, transport, limitSeconds, ended);
  worker.unref();

  const collectives = ncclCollectives({ nccl, comm, rank, size }, backend);
  /** Marks that the device has not come to yet, oldest first. */
  const marks: (() => boolean)[] = [];
  let closed = false;

  function check(what: string): void {
    const reason = transport.failure();
    if (reason !== null) throw new RankError(rank, what, reason);
  }

  function mark(): void {
    const passed = backend.mark();
    if (!passed) return;
    marks.push(passed);
    Atomics.add(words, ncclWords.marked, 1);
  }

  function pass(): void {
    while (marks.length > 0 && marks[0]()) {
      marks.shift();
      Atomics.add(words, ncclWords.passed, 1);
    }
  }

  /** Something failed: a moment for the sockets to notice that a rank is lost, which says more. */
  function awaitFailure(): string | null {
    const deadline = performance.now() + nameMilliseconds;
    while (transport.failure() === null && performance.now() < deadline) Atomics.wait(words, ncclWords.idle, 0, 20);
    return transport.failure();
  }

  function collective(operation: string, count: number, call: () => void): void {
    const what = `${operation} of ${count}`;
    check(what);
    let called = false;
    try {
      called = withinCall(words, call);
    } catch (error) {
      if (error instanceof RankError) throw error;
      const reason = awaitFailure() ?? (error as Error).message;
      transport.abort(`in ${what}: ${reason}`);
      throw new RankError(rank, what, reason);
    }
    if (!called) throw new RankError(rank, what, transport.failure() ?? "the communicator was closed");
    mark();
  }

  backend.guard((moment) => {
    // A rank that dies may take memory away that this GPU reads.
    if (moment === "lost") awaitFailure();
    check(moment === "waiting" ? "waiting for the device" : "training");
    if (moment === "launched") mark();
    if (moment === "waiting") pass();
  });
  let meeting = false;
  /** Finds out who hangs: the ranks that wait answer one another, at about the same time. */
  async function rollCall(): Promise<void> {
    if (meeting || closed || transport.failure() !== null || Atomics.load(words, ncclWords.late) === 0) return;
    meeting = true;
    try {
      await transport.meet({ operation: "rollCall", count: 0 }, rollCallSeconds);
      transport.abort(
        `its GPU waits for other ranks for ${limitSeconds} s, and all of them wait: do they do the same work, and does the network between the GPUs work?`,
      );
    } catch {
      // The transport has failed, and says who did not answer.
    }
  }
  const timer = setInterval(() => {
    pass();
    void rollCall();
  }, 1000);
  timer.unref();
  // A process that exits waits for its threads, and that thread for the graphs.
  const release = () => backend.releaseGraphs();
  process.once("exit", release);

  /** Waits for the device and for the other ranks: who leaves earlier takes memory away that they may still read. */
  async function finishTogether(): Promise<void> {
    mark();
    for (pass(); marks.length > 0; pass()) {
      check("leaving");
      await sleep(1);
    }
    await transport.meet({ operation: "barrier", count: 0 }, Math.min(leaveSeconds, limitSeconds));
  }

  return {
    rank,
    size,
    capturable: true,
    allReduce(buffer, count, op, dtype = "f32") {
      collective("allReduce", count, () => collectives.allReduce(buffer, count, op, dtype));
    },
    reduceScatter(input, output, count, dtype = "f32") {
      collective("reduceScatter", count, () => collectives.reduceScatter(input, output, count, dtype));
    },
    allGather(input, output, count, dtype = "f32") {
      collective("allGather", count, () => collectives.allGather(input, output, count, dtype));
    },
    broadcast(buffer, count, root, dtype = "f32") {
      if (!Number.isInteger(root) || root < 0 || root >= size)
        throw new RankError(rank, "broadcast", `root ${root} is no rank of ${size}`);
      collective("broadcast", count, () => collectives.broadcast(buffer, count, root, dtype));
    },
    allToAll(input, output, count, dtype = "f32") {
      collective("allToAll", count, () => collectives.allToAll(input, output, count, dtype));
    },
    reduceNumbers(values, op) {
      check(`agreeing on ${values.length} numbers`);
      return reduceNumbers(transport, values, op);
    },
    async barrier(seconds) {
      meeting = true;
      try {
        await transport.meet({ operation: "barrier", count: 0 }, seconds);
      } finally {
        meeting = false;
      }
    },
    abort: (reason) => transport.abort(reason),
    async close() {
      if (closed) return;
      closed = true;
      clearInterval(timer);
      try {
        if (transport.failure() === null) await finishTogether();
      } catch (error) {
        transport.abort((error as Error).message);
      }
      // NCCL waits for the graphs that hold its kernels.
      release();
      process.off("exit", release);
      Atomics.store(words, ncclWords.command, ncclCommands.leave);
      Atomics.notify(words, ncclWords.command);
      worker.ref();
      await ended;
      if (transport.failure() === null) backend.guard(null);
      await transport.close();
    },
  };
}

/** Waits until the GPUs are connected. @throws RankError where a rank is lost meanwhile, or it takes too long. */
function connected(
  worker: Worker,
  transport: SocketTransport,
  limitSeconds: number,
  ended: Promise<void>,
): Promise<number> {
  const { rank } = transport;
  const deadline = performance.now() + limitSeconds * 1000;
  return new Promise<number>((resolve, reject) => {
    const look = setInterval(() => {
      const late = performance.now() > deadline ? `NCCL did not connect the GPUs within ${limitSeconds} s` : null;
      const reason = transport.failure() ?? late;
      if (reason === null) return;
      clearInterval(look);
      // The thread may wait in NCCL for a rank that is gone.
      endProcessIn(endSeconds);
      ended.then(() => endProcessIn(0));
      worker.unref();
      reject(new RankError(rank, "joining", reason));
    }, 50);
    worker.once("message", (comm: number) => {
      clearInterval(look);
      resolve(comm);
    });
  });
}
