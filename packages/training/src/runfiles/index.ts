export { writeFileAtomic } from "./atomic.ts";
export {
  type CheckpointEntry,
  type CheckpointListing,
  checkpointName,
  type IncompleteCheckpoint,
  latestCheckpoint,
  listCheckpoints,
  pruneCheckpoints,
  verifyCheckpoint,
  writeCheckpoint,
} from "./checkpoints.ts";
export { clearEnding, type RunEnding, readEnding, writeEnding } from "./ending.ts";
export { acquireLock, type Lock, LockedError, type LockHolder } from "./lock.ts";
export { openRun, type RunDirectory, readRunConfig, runDirectory, writeRunConfig } from "./run-directory.ts";
