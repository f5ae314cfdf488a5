import { setImmediate } from "node:timers/promises";
import type { Simulation, Trace } from "@baltoro/serving";
import type { VirtualProgress } from "./virtual-progress.ts";

/** Events between two looks at the clock and the keyboard: some ten milliseconds. */
const eventsPerTurn = 2000;

/** Runs a simulation to its end, or until it is told to stop. @returns whether it came to its end. */
export async function runSimulation(
  simulation: Simulation,
  { info }: Trace,
  progress: VirtualProgress,
  signal: AbortSignal,
): Promise<boolean> {
  let more = true;
  while (more && !signal.aborted) {
    more = simulation.run(eventsPerTurn);
    const { atMs, spanMs, finished } = simulation.progress();
    progress.update({ atMs, spanMs, finished, total: info.requests });
    await setImmediate();
  }
  progress.clear();
  return !more;
}

/** Ctrl-C asks to stop; a second one ends at once. */
export function stopOnInterrupt(message: string): AbortSignal {
  const stop = new AbortController();
  process.once("SIGINT", () => {
    console.error(`\n${message}; Ctrl-C again ends at once`);
    stop.abort();
    process.once("SIGINT", () => process.exit(130));
  });
  process.once("SIGTERM", () => stop.abort());
  return stop.signal;
}
