import { Worker } from "node:worker_threads";
import type { Assessment, Assessor, ModelIdentity } from "../diagnosis/index.ts";
import { traceOf } from "./errors.ts";
import type { ThreadData, ToThread } from "./thread.ts";

/** Why a note was not judged. Neither the message nor `trace` holds any of it. */
export class AssessorError extends Error {
  override name = "AssessorError";
  readonly kind: "failed" | "timeout" | "stopped";
  /** Kind and place of the error inside the thread. */
  readonly trace: string | undefined;
  constructor(kind: AssessorError["kind"], message: string, trace?: string) {
    super(message);
    this.kind = kind;
    this.trace = trace;
  }
}

export interface AssessorThreadOptions {
  /** URL of a module that exports `createAssessor(options)`. Default: this package's own. */
  readonly module?: string;
  /** What `createAssessor` is called with. */
  readonly options?: unknown;
  /** Longest time for one note, milliseconds; the thread is ended where it takes longer. Default 10,000. */
  readonly timeout?: number;
  /** Longest time to load. Default 60,000. */
  readonly loadTimeout?: number;
}

type FromThread =
  | { readonly model: ModelIdentity }
  | { readonly failed: string }
  | { readonly id: number; readonly assessment: Assessment }
  | { readonly id: number; readonly trace: string };

interface Waiting {
  resolve(assessment: Assessment): void;
  reject(error: AssessorError): void;
}

/**
 * An assessor in a thread of its own, so that no note keeps others from being answered. Once it has stopped, by a timeout or a crash,
 * every call fails with `kind` "stopped".
 *
 * @throws what kept the model from loading
 */
export async function startAssessor(options: AssessorThreadOptions): Promise<Assessor> {
  const { timeout = 10_000, loadTimeout = 60_000 } = options;
  // By address, since what it loads is large: nothing of it is loaded here.
  const module = options.module ?? new URL("../assess/index.ts", import.meta.url).href;
  const workerData: ThreadData = { module, options: options.options };
  const worker = new Worker(new URL("./thread.ts", import.meta.url), { workerData, name: "baltoro-assessor" });
  const waiting = new Map<number, Waiting>();
  const ready = Promise.withResolvers<ModelIdentity>();
  let next = 1;
  let stopped: AssessorError | undefined;
  const stop = (error: AssessorError) => {
    stopped ??= error;
    ready.reject(stopped);
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  worker.on("message", (message: FromThread) => {
    if ("model" in message) ready.resolve(message.model);
    else if ("failed" in message) ready.reject(new Error(message.failed));
    else {
      const entry = waiting.get(message.id);
      waiting.delete(message.id);
      if ("assessment" in message) entry?.resolve(message.assessment);
      else entry?.reject(new AssessorError("failed", "the note could not be assessed", message.trace));
    }
  });
  worker.on("error", (error) => stop(new AssessorError("stopped", "the assessor's thread failed", traceOf(error))));
  worker.on("exit", () => stop(new AssessorError("stopped", "the assessor's thread ended")));

  const loading = setTimeout(() => {
    ready.reject(new Error(`the model did not load within ${loadTimeout / 1000} s`));
  }, loadTimeout);
  let model: ModelIdentity;
  try {
    model = await ready.promise;
  } catch (error) {
    await worker.terminate();
    throw error;
  } finally {
    clearTimeout(loading);
  }
  // Requests keep the process alive by their sockets; an idle thread must not.
  worker.unref();

  return {
    model,
    assess(text, assessOptions = {}) {
      if (stopped) return Promise.reject(new AssessorError("stopped", stopped.message));
      const id = next++;
      return new Promise<Assessment>((resolve, reject) => {
        const timer = setTimeout(() => {
          stop(new AssessorError("timeout", `the note took longer than ${timeout / 1000} s`));
          void worker.terminate();
        }, timeout);
        const settle =
          <T>(act: (value: T) => void) =>
          (value: T) => {
            clearTimeout(timer);
            act(value);
          };
        waiting.set(id, { resolve: settle(resolve), reject: settle(reject) });
        worker.postMessage({ id, text, options: assessOptions } satisfies ToThread);
      });
    },
    async close() {
      if (stopped) return;
      const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
      worker.ref();
      worker.postMessage({ close: true } satisfies ToThread);
      const late = setTimeout(() => void worker.terminate(), 2000);
      await ended;
      clearTimeout(late);
    },
  };
}
