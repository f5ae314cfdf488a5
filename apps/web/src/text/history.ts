/** Undo and redo over whole values. Nothing that was recorded is lost until something else is done instead. */
export interface History<T> {
  /** Remembers the value that is about to be changed. */
  record(before: T): void;
  /** The value before the last change, or undefined. `current` can be had back by {@link redo}. */
  undo(current: T): T | undefined;
  redo(current: T): T | undefined;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
}

/** Makes a {@link History} that remembers up to `limit` changes. */
export function createHistory<T>(limit = 100): History<T> {
  const past: T[] = [];
  let future: T[] = [];
  return {
    record(before) {
      past.push(before);
      if (past.length > limit) past.shift();
      future = [];
    },
    undo(current) {
      const value = past.pop();
      if (value !== undefined) future.push(current);
      return value;
    },
    redo(current) {
      const value = future.pop();
      if (value !== undefined) past.push(current);
      return value;
    },
    get canUndo() {
      return past.length > 0;
    },
    get canRedo() {
      return future.length > 0;
    },
  };
}
