import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Device } from "@baltoro/tensor";
import type { Communicator } from "./communicator.ts";
import { hostCommunicator } from "./host-communicator.ts";
import { ncclCommunicator } from "./nccl-communicator.ts";
import { launcherVariables, type RankPlace } from "./ranks.ts";
import { rendezvousFromEnvironment } from "./rendezvous.ts";
import { openSocketTransport } from "./socket-transport.ts";

/** Where a group's sockets are, when its launcher says so. */
const socketsVariable = "BALTORO_RANK_SOCKETS";

/**
 * Joins the group that a launcher has started. Processes of one machine meet over Unix sockets, those of several over TCP
 * ({@link rendezvousFromEnvironment}). GPUs then talk through NCCL, CPU ranks over these connections.
 *
 * @throws Error where it is not said where to meet; RankError where a rank does not come.
 */
export async function joinGroup(
  device: Device,
  place: RankPlace,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Communicator> {
  const { rank, size, localSize, group } = place;
  const directory = environment[socketsVariable] ?? join(tmpdir(), `baltoro-ranks-${userInfo().uid}-${group || "0"}`);
  const meeting = localSize === size ? { directory } : { rendezvous: rendezvousFromEnvironment(place, environment) };
  const transport = await openSocketTransport({ rank, size, ...meeting });
  return device.description.kind === "cuda" ? ncclCommunicator(device, transport) : hostCommunicator(device, transport);
}

function prefixLines(stream: NodeJS.ReadableStream, rank: number): void {
  createInterface({ input: stream }).on("line", (line) => console.error(`[rank ${rank}] ${line}`));
}

/** Options of {@link startLocalRanks}. */
export interface LocalRanksOptions {
  readonly size: number;
  /** Program and arguments of each rank. */
  readonly command: readonly [string, ...string[]];
  readonly environment?: NodeJS.ProcessEnv;
  /** Seconds that the others have to end by themselves once a rank has failed. Default 20. */
  readonly graceSeconds?: number;
  /** "inherit" (default): rank 0 prints to this terminal, the errors of the others appear with their rank. "pipe": nothing is shown. */
  readonly output?: "inherit" | "pipe";
}

/** How the process of a rank ended. */
export interface RankExit {
  readonly rank: number;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Ranks that run as processes on this machine. */
export interface LocalRanks {
  readonly processes: readonly ChildProcess[];
  /** How each rank ended, in the order of the ends: the first that failed is the cause. */
  readonly exits: Promise<readonly RankExit[]>;
}

/**
 * Starts a process for each rank, with torchrun's variables. Once one fails, the others fail by themselves, since their collectives do;
 * what is left after the grace is killed.
 */
export function startLocalRanks(options: LocalRanksOptions): LocalRanks {
  const { size, command, environment = process.env, graceSeconds = 20, output = "inherit" } = options;
  const directory = mkdtempSync(join(tmpdir(), "baltoro-ranks-"));
  const inherited = { ...environment };
  for (const name of launcherVariables()) delete inherited[name];
  const processes = Array.from({ length: size }, (_, rank) =>
    spawn(command[0], command.slice(1), {
      env: {
        ...inherited,
        RANK: String(rank),
        WORLD_SIZE: String(size),
        LOCAL_RANK: String(rank),
        LOCAL_WORLD_SIZE: String(size),
        [socketsVariable]: directory,
      },
      stdio:
        output === "inherit" && rank === 0
          ? ["ignore", "inherit", "inherit"]
          : ["ignore", output === "pipe" ? "pipe" : "ignore", "pipe"],
    }),
  );
  if (output === "inherit") for (const [rank, { stderr }] of processes.entries()) if (stderr) prefixLines(stderr, rank);
  const ended: RankExit[] = [];
  const timers: NodeJS.Timeout[] = [];
  const killAll = (signal: NodeJS.Signals) => {
    for (const child of processes) if (child.exitCode === null && child.signalCode === null) child.kill(signal);
  };
  const exits = Promise.all(
    processes.map(
      (child, rank) =>
        new Promise<void>((resolve) => {
          const end = (code: number | null, signal: NodeJS.Signals | null) => {
            ended.push({ rank, code, signal });
            if (code !== 0 && timers.length === 0) timers.push(setTimeout(killAll, graceSeconds * 1000, "SIGKILL"));
            resolve();
          };
          child.once("error", () => end(127, null));
          child.once("exit", end);
        }),
    ),
  ).then(() => {
    for (const timer of timers) clearTimeout(timer);
    rmSync(directory, { recursive: true, force: true });
    return ended;
  });
  return { processes, exits };
}
