/** A rank of rendezvous.test.ts, a process of its own: meets the others, sends each its number, prints what came. */
import { setTimeout as sleep } from "node:timers/promises";
import { openSocketTransport } from "@baltoro/training";

export interface MeetTask {
  readonly rank: number;
  readonly size: number;
  readonly host: string;
  readonly port: number;
  readonly group: string;
  readonly limitSeconds: number;
  /** Rounds to take part in, a tenth of a second each. Default 1. */
  readonly rounds?: number;
  /** Stays for so many seconds before it leaves. */
  readonly staySeconds?: number;
}

if (import.meta.main) {
  const task = JSON.parse(process.argv[2]) as MeetTask;
  const { rank, size, host, port, group, limitSeconds, rounds = 1, staySeconds = 0 } = task;
  try {
    const transport = await openSocketTransport({ rank, size, rendezvous: { host, port, group }, limitSeconds });
    console.log("joined");
    const came: number[] = [];
    for (let round = 0; round < rounds; round++) {
      if (round > 0) await sleep(100);
      const bytes = Array.from({ length: size }, (_, peer) => (peer === rank ? 0 : 4));
      for (let peer = 0; peer < size; peer++) {
        const { buffer, byteOffset } = transport.outgoing(peer);
        new Int32Array(buffer, byteOffset, 1)[0] = 100 * rank + peer;
      }
      transport.exchange({ operation: "allToAll", count: 1 }, bytes);
      for (let peer = 0; peer < size; peer++) {
        if (peer === rank) continue;
        const { buffer, byteOffset } = transport.incoming(peer);
        came.push(new Int32Array(buffer, byteOffset, 1)[0]);
      }
    }
    await sleep(1000 * staySeconds);
    await transport.close();
    console.log(came.join(" "));
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}
