import { readFileSync, rmSync } from "node:fs";
import { writeFileAtomic } from "./atomic.ts";
import type { RunDirectory } from "./run-directory.ts";

/** How a run ended. There is none while it is under way, and after its process was killed. */
export interface RunEnding {
  readonly outcome: "finished" | "stopped" | "failed";
  /** Steps that the metrics tell of. */
  readonly step: number;
  /** What went wrong, and what to do. */
  readonly message?: string;
}

/** Writes ending.json, atomically. */
export function writeEnding(run: RunDirectory, ending: RunEnding): void {
  writeFileAtomic(run.ending, `${JSON.stringify(ending, null, 2)}\n`);
}

/** Removes ending.json: the run goes on. */
export function clearEnding(run: RunDirectory): void {
  rmSync(run.ending, { force: true });
}

/** Reads ending.json, null where there is none or it is malformed: a report is made without it. */
export function readEnding(run: RunDirectory): RunEnding | null {
  try {
    const value = JSON.parse(readFileSync(run.ending, "utf8")) as Partial<RunEnding> | null;
    const known = typeof value?.step === "number" && ["finished", "stopped", "failed"].includes(String(value.outcome));
    return known ? (value as RunEnding) : null;
  } catch {
    return null;
  }
}
