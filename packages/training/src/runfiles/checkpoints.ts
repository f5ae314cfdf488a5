import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join, relative, sep } from "node:path";
import { crc32 } from "node:zlib";
import { syncPath, syncTree } from "./atomic.ts";

/** A complete checkpoint on disk. */
export interface CheckpointEntry {
  /** Optimizer steps taken before it was written. */
  readonly step: number;
  readonly path: string;
}

/** A directory that looks like a checkpoint and is none. */
export interface IncompleteCheckpoint {
  readonly path: string;
  readonly reason: string;
}

/** What a directory of checkpoints holds, oldest first. */
export interface CheckpointListing {
  readonly complete: readonly CheckpointEntry[];
  readonly incomplete: readonly IncompleteCheckpoint[];
}

interface Manifest {
  readonly step: number;
  /** Path (with `/`) → bytes and CRC-32. */
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly crc32: number }>>;
}

const manifestName = "manifest.json";

/** step-000123 */
export function checkpointName(step: number): string {
  return `step-${String(step).padStart(6, "0")}`;
}

/**
 * Writes a checkpoint: `write` fills a temporary directory, which is listed (manifest.json), synced and renamed. A crash at
 * any point leaves either no checkpoint of that step or a whole one. A checkpoint of the same step is replaced.
 */
export async function writeCheckpoint(
  directory: string,
  step: number,
  write: (path: string) => void | Promise<void>,
): Promise<CheckpointEntry> {
  const path = join(directory, checkpointName(step));
  const temporary = join(directory, `.${checkpointName(step)}.tmp-${process.pid}`);
  mkdirSync(directory, { recursive: true });
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary);
  try {
    await write(temporary);
    const files = Object.fromEntries(
      filesUnder(temporary).map((name) => {
        const file = join(temporary, name);
        return [name, { bytes: statSync(file).size, crc32: fileChecksum(file) }];
      }),
    );
    if (Object.keys(files).length === 0) throw new Error(`checkpoint: nothing was written for step ${step}`);
    const manifest: Manifest = { step, files };
    writeFileSync(join(temporary, manifestName), `${JSON.stringify(manifest, null, 2)}\n`);
    syncTree(temporary);
    const replaced = existsSync(path) ? join(directory, `.${checkpointName(step)}.old-${process.pid}`) : null;
    if (replaced) renameSync(path, replaced);
    renameSync(temporary, path);
    syncPath(directory);
    if (replaced) rmSync(replaced, { recursive: true, force: true });
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw error;
  }
  return { step, path };
}

/** Looks through a directory of checkpoints; one that does not exist is empty. Sizes are compared, contents not. */
export function listCheckpoints(directory: string): CheckpointListing {
  const complete: CheckpointEntry[] = [];
  const incomplete: IncompleteCheckpoint[] = [];
  for (const entry of existsSync(directory) ? readdirSync(directory, { withFileTypes: true }) : []) {
    if (!entry.isDirectory()) continue;
    const path = join(directory, entry.name);
    const match = /^(\.?)step-(\d+)(\..*)?$/.exec(entry.name);
    if (!match) continue;
    const reason = match[1] || match[3] ? "its writing was interrupted" : damage(path, false);
    if (reason) incomplete.push({ path, reason });
    else complete.push({ step: Number(match[2]), path });
  }
  complete.sort((a, b) => a.step - b.step);
  return { complete, incomplete };
}

/** The newest complete checkpoint, and those that were passed over because they are not complete. */
export function latestCheckpoint(directory: string): {
  readonly checkpoint: CheckpointEntry | null;
  readonly incomplete: readonly IncompleteCheckpoint[];
} {
  const { complete, incomplete } = listCheckpoints(directory);
  return { checkpoint: complete.at(-1) ?? null, incomplete };
}

/**
 * Reads every file of a checkpoint against its manifest.
 * @throws Error that names the file that is missing, shorter or changed.
 */
export function verifyCheckpoint(path: string): void {
  const reason = damage(path, true);
  if (reason) throw new Error(`checkpoint: ${path} cannot be used: ${reason}. Resume from an older one`);
}

/** Removes all but the newest `keep` checkpoints, and what interrupted writes left. Returns the paths removed. */
export function pruneCheckpoints(directory: string, keep: number): string[] {
  if (!Number.isInteger(keep) || keep < 1) throw new RangeError(`pruneCheckpoints: keep ${keep} must be at least 1`);
  const { complete, incomplete } = listCheckpoints(directory);
  const leftovers = incomplete.map(({ path }) => path).filter((path) => basename(path).startsWith("."));
  const removed = [...complete.slice(0, Math.max(0, complete.length - keep)).map(({ path }) => path), ...leftovers];
  for (const path of removed) rmSync(path, { recursive: true, force: true });
  return removed;
}

/** What is wrong with a checkpoint, or null. */
function damage(path: string, contents: boolean): string | null {
  let manifest: Manifest;
  try {
    manifest = JSON.parse(readFileSync(join(path, manifestName), "utf8")) as Manifest;
  } catch {
    return `${manifestName} is missing or unreadable`;
  }
  for (const [name, expected] of Object.entries(manifest.files ?? {})) {
    const file = join(path, name);
    const size = statSync(file, { throwIfNoEntry: false })?.size;
    if (size === undefined) return `${name} is missing`;
    if (size !== expected.bytes) return `${name} has ${size} bytes, expected ${expected.bytes}`;
    if (contents && fileChecksum(file) !== expected.crc32) return `${name} has changed (its checksum differs)`;
  }
  return null;
}

/** CRC-32 of a file of any size. */
function fileChecksum(path: string): number {
  const file = openSync(path, "r");
  const buffer = Buffer.allocUnsafe(1 << 22);
  try {
    let checksum = 0;
    for (let got = readSync(file, buffer); got > 0; got = readSync(file, buffer)) {
      checksum = crc32(buffer.subarray(0, got), checksum);
    }
    return checksum;
  } finally {
    closeSync(file);
  }
}

function filesUnder(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .sort();
}
