/** Words that a rank's thread shares with the thread that watches its NCCL communicator. */
export const ncclWords = {
  /** A {@link ncclLock}: who is within a call of NCCL. */
  lock: 0,
  /** A {@link ncclCommands}. */
  command: 1,
  /** Marks that the rank has put into its stream, and that the device has come to. */
  marked: 2,
  passed: 3,
  /** Stays 0: to sleep on. */
  idle: 4,
  /** 1: the limit between two marks is over, and the rank may find out who is missing. */
  late: 5,
} as const;
export const ncclWordBytes = 64;

/** `aborted`: the communicator is gone, or about to be. */
export const ncclLock = { free: 0, held: 1, aborted: 2 } as const;
export const ncclCommands = { none: 0, leave: 1 } as const;

/** Runs a call of NCCL unless the communicator was aborted. False where it was. */
export function withinCall(words: Int32Array, call: () => void): boolean {
  if (Atomics.compareExchange(words, ncclWords.lock, ncclLock.free, ncclLock.held) === ncclLock.aborted) return false;
  try {
    call();
  } finally {
    Atomics.compareExchange(words, ncclWords.lock, ncclLock.held, ncclLock.free);
    Atomics.notify(words, ncclWords.lock);
  }
  return true;
}

/** Keeps further calls out, and waits a while for the one that is under way: it may itself wait for a rank that is lost. */
export function shutCalls(words: Int32Array, milliseconds: number): void {
  const deadline = performance.now() + milliseconds;
  while (Atomics.compareExchange(words, ncclWords.lock, ncclLock.free, ncclLock.aborted) === ncclLock.held) {
    const left = deadline - performance.now();
    if (left <= 0) break;
    Atomics.wait(words, ncclWords.lock, ncclLock.held, left);
  }
  Atomics.store(words, ncclWords.lock, ncclLock.aborted);
}
