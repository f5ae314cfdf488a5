/** A value that tells others when it changes. */
export interface Cell<T> {
  get(): T;
  set(value: T): void;
  /** Calls `listener` now and after every change. Returns a function that ends this. */
  watch(listener: (value: T) => void): () => void;
}

/** Makes a {@link Cell}. Setting the value it holds already tells nobody. */
export function createCell<T>(initial: T): Cell<T> {
  let value = initial;
  const listeners = new Set<(value: T) => void>();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const listener of [...listeners]) listener(next);
    },
    watch(listener) {
      listeners.add(listener);
      listener(value);
      return () => listeners.delete(listener);
    },
  };
}
