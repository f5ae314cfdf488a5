/** The thread of one rank: see thread-ranks.ts. */
import { parentPort, workerData } from "node:worker_threads";
import { hostCommunicator } from "./host-communicator.ts";
import type { RankContext, ThreadRankMessage, ThreadRankStart } from "./thread-ranks.ts";
import { threadTransport } from "./thread-transport.ts";

const { group, rank, module, data, limitSeconds } = workerData as ThreadRankStart;
const transport = threadTransport(group, rank, limitSeconds);
const context: RankContext = {
  rank,
  size: group.size,
  communicator: (device) => hostCommunicator(device, transport),
};
let message: ThreadRankMessage;
try {
  const { rank: run } = (await import(module)) as {
    rank?: (context: RankContext, data: unknown) => Promise<unknown>;
  };
  if (typeof run !== "function") throw new Error(`${module} exports no function "rank"`);
  message = { kind: "result", value: await run(context, data) };
} catch (error) {
  transport.abort((error as Error).message);
  message = { kind: "failed", error: error as Error };
}
await transport.close();
parentPort?.postMessage(message);
