import { isRecord, parseJson } from "../api/problem.ts";

/** Values kept in this browser under names of their own. Where storage is off or full, nothing is kept and nothing fails. */
export interface Store {
  /** The value kept under a name, as JSON gives it back: check it before use. */
  read(name: string): unknown;
  /** @returns whether it was kept */
  write(name: string, value: unknown): boolean;
}

/** A {@link Store} in the browser's local storage. */
export function localStore(prefix = "baltoro."): Store {
  return {
    read(name) {
      try {
        return parseJson(localStorage.getItem(prefix + name) ?? "null");
      } catch {
        return undefined;
      }
    },
    write(name, value) {
      try {
        localStorage.setItem(prefix + name, JSON.stringify(value));
        return true;
      } catch {
        return false;
      }
    },
  };
}

const keyName = "baltoro.apiKey";

/** The API key, kept until the tab is closed. */
export const apiKey = {
  get(): string | null {
    try {
      return sessionStorage.getItem(keyName);
    } catch {
      return apiKey.unsaved;
    }
  },
  set(key: string): void {
    apiKey.unsaved = key;
    try {
      sessionStorage.setItem(keyName, key);
    } catch {
      // Kept in memory alone.
    }
  },
  unsaved: null as string | null,
};

/** Writes at most once in `milliseconds`, and what is left when the page is hidden. */
export function createSaver(save: () => void, milliseconds = 400): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    if (timer === undefined) return;
    clearTimeout(timer);
    timer = undefined;
    save();
  };
  addEventListener("pagehide", flush);
  document.addEventListener("visibilitychange", flush);
  return () => {
    timer ??= setTimeout(flush, milliseconds);
  };
}

/** Reads a list of records, dropping what is none. */
export function recordsOf(value: unknown): Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}
