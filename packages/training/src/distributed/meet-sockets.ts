import { rmdirSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  helloSeconds,
  listenOn,
  type Meeting,
  type MeetingOptions,
  missingRanks,
  nameRanks,
  openConnection,
} from "./meeting.ts";
import { frame, HungUpError, readFrame } from "./socket-frames.ts";
import { socketPath } from "./socket-memory.ts";

/**
 * Meets over Unix sockets, one a rank in a directory: each listens for the ranks above it and calls those below.
 *
 * @throws Error where a rank does not come in time or belongs to another group.
 */
export async function meetOverSockets(directory: string, options: MeetingOptions): Promise<Meeting> {
  const { rank, size, limitSeconds, admit, admitted, failure } = options;
  const deadline = performance.now() + limitSeconds * 1000;
  let refusal: Error | null = null;
  const greet = async (socket: Socket, expected: number | null) => {
    socket.write(frame("hello", "", { sequence: rank, count: size }));
    const { sequence: from, count: of } = await readFrame(socket, helloSeconds);
    if (of !== size) throw new Error(`rank ${from} counts ${of} ranks, this rank ${size}`);
    if (from < 0 || from >= size || from === rank || admitted(from) || (expected !== null && from !== expected))
      throw new Error(`there are two processes of rank ${from}`);
    admit(from, socket);
  };
  const own = socketPath(directory, rank);
  const server = createServer({ pauseOnConnect: false });
  server.on("connection", (socket) => {
    socket.on("error", () => {});
    greet(socket, null).catch((error: Error) => {
      socket.destroy();
      // Whoever looks whether this socket is alive hangs up at once: that is no refusal.
      if (!(error instanceof HungUpError)) refusal = error;
    });
  });
  await takeOver(server, own, rank);
  const close = () => {
    server.close();
    rmSync(own, { force: true });
    try {
      rmdirSync(dirname(own));
    } catch {
      // Other ranks are still there: the last one removes it.
    }
  };
  try {
    await meetAll();
  } catch (error) {
    close();
    throw error;
  }
  return { close };

  async function meetAll(): Promise<void> {
    for (let peer = 0; peer < rank; peer++) {
      for (let socket: Socket | null = null; !socket; ) {
        socket = await openConnection({ path: socketPath(directory, peer) }, limitSeconds).catch(() => null);
        if (socket) {
          socket.on("error", () => {});
          await greet(socket, peer);
        } else if (performance.now() > deadline || refusal || failure() !== null) break;
        else await sleep(20);
      }
    }
    while (missingRanks(options).length > 0 && performance.now() < deadline && !refusal && failure() === null)
      await sleep(5);
    if (refusal) throw refusal as Error;
    const missing = missingRanks(options);
    if (missing.length > 0 && failure() === null)
      throw new Error(
        `${nameRanks(missing, size)} did not join within ${limitSeconds} s (sockets in ${directory}): is it started?`,
      );
  }
}

/** Listens on this rank's socket, taking over what a dead process left. */
async function takeOver(server: Server, path: string, rank: number): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await listenOn(server, { path });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE" || attempt > 2) throw error;
    }
    const alive = await openConnection({ path }, helloSeconds).catch(() => null);
    if (alive) {
      alive.destroy();
      throw new Error(`another process is rank ${rank} of this group already (${path})`);
    }
    rmSync(path, { force: true });
  }
}
