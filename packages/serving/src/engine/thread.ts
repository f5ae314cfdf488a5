import { parentPort, workerData } from "node:worker_threads";
import type { EngineOptions, FromEngine } from "./messages.ts";
import { runEngine } from "./run-engine.ts";

/** The engine's thread: it owns the device, and is reached by messages only. */
if (!parentPort) throw new Error("the engine's thread is started by startEngine");
const port = parentPort;
try {
  await runEngine(workerData as EngineOptions, port);
} catch (error) {
  port.postMessage({ kind: "failed", message: (error as Error).message } satisfies FromEngine);
}
port.close();
