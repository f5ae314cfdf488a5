import type { Client } from "../api/client.ts";
import { Problem } from "../api/problem.ts";
import type { Delta, Model, Sampling } from "../api/types.ts";
import { type Cell, createCell } from "../dom/cell.ts";
import { followStream, type Progress, waiting } from "./generation.ts";
import type { Store } from "./storage.ts";

/** What the two modes of the page share. */
export interface Session {
  readonly client: Client;
  readonly store: Store;
  readonly model: Cell<Model | undefined>;
  readonly probabilities: Cell<boolean>;
  /** The sampling that the settings ask for; undefined, with the field in focus, where one of them makes no sense. */
  readSampling(): Sampling | undefined;
  /** Takes the next seed where one is fixed, so that trying again gives another text. */
  nextSeed(): void;
  /** Fetches the list of models. @throws Problem */
  loadModels(): Promise<void>;
  /** Asks for an API key. Resolves to whether one was given. */
  askKey(message: string): Promise<boolean>;
  /** Tells screen readers. */
  announce(text: string): void;
}

/** Runs one generation at a time. */
export interface Runner {
  readonly busy: Cell<boolean>;
  /** Resolves to undefined where it did not begin, because another runs or a setting makes no sense. */
  run(open: Open, onProgress: (progress: Progress) => void): Promise<Progress | undefined>;
  stop(): void;
}

/** Opens the stream that a {@link Runner} follows. */
export type Open = (model: string, sampling: Sampling, signal: AbortSignal) => AsyncIterable<Delta>;

/** Makes a {@link Runner}. A server that wants a key is given one and asked again. */
export function createRunner(session: Session): Runner {
  const busy = createCell(false);
  let abort: AbortController | undefined;

  async function follow(open: Open, onProgress: (progress: Progress) => void, sampling: Sampling): Promise<Progress> {
    const controller = new AbortController();
    abort = controller;
    try {
      if (session.model.get() === undefined) await session.loadModels();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return { ...waiting, state: "failed", problem: error };
    }
    const { id } = session.model.get() as Model;
    if (controller.signal.aborted) return { ...waiting, state: "stopped" };
    return await followStream((signal) => open(id, sampling, signal), controller.signal, onProgress);
  }

  return {
    busy,
    async run(open, onProgress) {
      if (busy.get()) return undefined;
      const sampling = session.readSampling();
      if (sampling === undefined) return undefined;
      busy.set(true);
      try {
        for (;;) {
          onProgress(waiting);
          const progress = await follow(open, onProgress, sampling);
          const again = progress.problem?.kind === "unauthorized" && (await session.askKey(progress.problem.message));
          if (again) continue;
          onProgress(progress);
          return progress;
        }
      } finally {
        busy.set(false);
        abort = undefined;
      }
    },
    stop() {
      abort?.abort();
    },
  };
}
