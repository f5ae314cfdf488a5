import type { Assessor } from "../diagnosis/index.ts";
import { unavailable } from "./errors.ts";

export type ModelState = "not-installed" | "not-loaded" | "loading" | "ready" | "failed";

/** The assessor of a service: started with the first note, and again after it stopped. */
export interface Judge {
  readonly state: ModelState;
  /** @throws ServiceError 503 where no model is installed, or it could not be loaded */
  get(): Promise<Assessor>;
  /** That an assessor has stopped: the next note starts another. */
  drop(stopped: Assessor): Promise<void>;
  close(): Promise<void>;
}

/** After a failure to load, the model is not tried again for so long, milliseconds. */
const retryAfter = 5000;

export function createJudge(
  start: (() => Promise<Assessor>) | undefined,
  log: (line: string) => void,
  now: () => number,
): Judge {
  let running: Promise<Assessor> | undefined;
  let state: ModelState = start ? "not-loaded" : "not-installed";
  let failedAt = Number.NEGATIVE_INFINITY;

  const load = async (begin: () => Promise<Assessor>): Promise<Assessor> => {
    try {
      const started = await begin();
      state = "ready";
      return started;
    } catch (error) {
      ({ running, state, failedAt } = { running: undefined, state: "failed", failedAt: now() });
      // No note was seen yet: the message is about the model's files.
      log(`clinic: the model could not be loaded: ${(error as Error).message}`);
      throw unavailable("not_ready", "the model could not be loaded; the server's log says why", 5);
    }
  };

  return {
    get state() {
      return state;
    },
    async get() {
      if (!start) {
        const message = "no model is installed: the server's start says where it is looked for";
        throw unavailable("model_not_installed", message, 3600);
      }
      if (running) return running;
      if (now() - failedAt < retryAfter) throw unavailable("not_ready", "the model could not be loaded", 5);
      state = "loading";
      running = load(start);
      return running;
    },
    async drop(stopped) {
      if ((await running?.catch(() => undefined)) === stopped)
        ({ running, state } = { running: undefined, state: "not-loaded" });
    },
    async close() {
      await (await running?.catch(() => undefined))?.close();
    },
  };
}
