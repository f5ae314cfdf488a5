import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { isProcessAlive, processStart } from "./process.ts";

/** Who holds a lock. */
export interface LockHolder {
  readonly pid: number;
  readonly host: string;
  /** See {@link processStart}. */
  readonly start: string | null;
  /** ISO 8601. */
  readonly since: string;
}

/** A lock that is held. Released by `using`, by `release`, and when the process ends. */
export interface Lock extends Disposable {
  /** The dead holder whose lock was taken over, if there was one. */
  readonly takenFrom: LockHolder | null;
  release(): void;
}

/** Another process holds the lock. */
export class LockedError extends Error {
  override readonly name = "LockedError";
  readonly holder: LockHolder | null;

  constructor(message: string, holder: LockHolder | null) {
    super(message);
    this.holder = holder;
  }
}

const held = new Set<string>();

/**
 * Takes the lock file at `path`. The lock of a process of this machine that is gone is taken over.
 * @throws LockedError where a process holds it that is alive, or runs on another machine (nobody can tell from here).
 */
export function acquireLock(path: string): Lock {
  const mine: LockHolder = {
    pid: process.pid,
    host: hostname(),
    start: processStart(process.pid),
    since: new Date().toISOString(),
  };
  const text = `${JSON.stringify(mine)}\n`;
  const draft = `${path}.${process.pid}`;
  // A link appears with its contents at once; a created file would be empty for a moment.
  writeFileSync(draft, text);
  let takenFrom: LockHolder | null = null;
  try {
    for (let attempt = 0; !tryLink(draft, path); attempt++) {
      const found = readLock(path);
      if (found === null) continue;
      refuseIfHeld(path, found, attempt);
      removeStale(path, found.text);
      takenFrom = found.holder;
    }
  } finally {
    rmSync(draft, { force: true });
  }
  held.add(path);

  const release = () => {
    if (!held.delete(path)) return;
    process.off("exit", release);
    if (readLock(path)?.text === text) rmSync(path, { force: true });
  };
  process.once("exit", release);
  return { takenFrom, release, [Symbol.dispose]: release };
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function readLock(path: string): { text: string; holder: LockHolder | null } | null {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    const value = JSON.parse(text) as LockHolder;
    return { text, holder: typeof value?.pid === "number" && typeof value.host === "string" ? value : null };
  } catch {
    return { text, holder: null };
  }
}

function refuseIfHeld(path: string, { holder }: { holder: LockHolder | null }, attempt: number): void {
  if (attempt > 20) throw new LockedError(`lock: ${path} changes hands too often; try again`, holder);
  if (holder === null) {
    throw new LockedError(
      `lock: ${path} is not a lock that this program wrote; remove it if no run uses its directory`,
      null,
    );
  }
  const who = `process ${holder.pid} on ${holder.host}, since ${holder.since}`;
  if (holder.host !== hostname()) {
    throw new LockedError(
      `lock: ${path} is held by ${who}: another machine. Stop that run, or remove the file if the run is gone`,
      holder,
    );
  }
  // After a restart of a container the old process may have had this one's id.
  const self = holder.pid === process.pid && !held.has(path);
  const start = processStart(holder.pid);
  const reused = holder.start !== null && start !== null && holder.start !== start;
  if (!self && !reused && isProcessAlive(holder.pid)) {
    throw new LockedError(
      `lock: ${path} is held by ${who}. Stop that process, or choose another run directory`,
      holder,
    );
  }
}

/** Takes a dead lock away. Two processes may try: the one that finds it has moved a live lock puts that back. */
function removeStale(path: string, text: string): void {
  const aside = `${path}.stale-${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if (readLock(aside)?.text !== text) tryLink(aside, path);
  rmSync(aside, { force: true });
}
