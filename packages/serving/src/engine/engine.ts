import { Worker } from "node:worker_threads";
import type {
  EngineErrorKind,
  EngineEvent,
  EngineOptions,
  EngineRequest,
  FromEngine,
  ModelInfo,
  PromptToken,
  ToEngine,
} from "./messages.ts";

/** A model that answers, in a thread of its own. */
export interface Engine {
  readonly model: ModelInfo;
  /** Requests that run or wait. */
  readonly active: number;
  /** Settles when the engine is gone: undefined if it was closed, else why. */
  readonly closed: Promise<Error | undefined>;
  /**
   * Continues a prompt. Leaving the loop early, or aborting the signal, cancels the request.
   *
   * @throws EngineError if the request is wrong or the engine fails, EngineBusy if too many wait.
   */
  submit(request: EngineRequest, signal?: AbortSignal): AsyncIterable<EngineEvent>;
  /** Log-probability of each token of a text given those before it. */
  score(
    prompt: EngineRequest["prompt"],
    options?: { top?: number; signal?: AbortSignal },
  ): Promise<readonly PromptToken[]>;
  /**
   * Swaps the weights between two steps for those of another checkpoint of the same shape; what is running goes on under the new ones.
   *
   * @throws if they do not fit; then the old weights stay.
   */
  setWeights(checkpoint: string): Promise<void>;
  /** Fails what is running and ends the thread. */
  close(): Promise<void>;
}

/** A request that failed. */
export class EngineError extends Error {
  override name = "EngineError";
  readonly kind: EngineErrorKind;
  constructor(kind: EngineErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** The engine has as many requests as it takes. */
export class EngineBusy extends Error {
  override name = "EngineBusy";
}

interface Mailbox {
  onEvent(event: EngineEvent): void;
  onError(error: Error): void;
}

/** Starts an engine and resolves when it has loaded its model. @throws what kept it from loading */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const worker = new Worker(new URL("./thread.ts", import.meta.url), { workerData: options, name: "baltoro-engine" });
  const mailboxes = new Map<number, Mailbox>();
  const maxRequests = options.maxRequests ?? 256;
  let nextId = 1;
  let failure: Error | undefined;
  let closing = false;
  const post = (message: ToEngine) => worker.postMessage(message);
  const fail = (error: Error) => {
    failure ??= error;
    for (const mailbox of mailboxes.values()) mailbox.onError(new EngineError("internal", failure.message));
    mailboxes.clear();
  };

  const ready = Promise.withResolvers<ModelInfo>();
  worker.on("message", (message: FromEngine) => {
    switch (message.kind) {
      case "ready":
        ready.resolve(message.model);
        break;
      case "failed":
        fail(new Error(message.message));
        break;
      case "event":
        mailboxes.get(message.id)?.onEvent(message.event);
        break;
      case "weightsSet":
        mailboxes.get(message.id)?.onEvent({ kind: "started", promptTokens: 0 });
        break;
      case "error":
        mailboxes.get(message.id)?.onError(new EngineError(message.error, message.message));
        break;
    }
  });
  worker.on("error", (error) => fail(error instanceof Error ? error : new Error(String(error))));
  const closed = new Promise<Error | undefined>((resolve) => {
    worker.once("exit", () => {
      fail(closing ? new Error("the engine was closed") : new Error("the engine's thread ended"));
      ready.reject(failure);
      resolve(closing ? undefined : failure);
    });
  });
  const model = await ready.promise;

  async function* submit(request: EngineRequest, signal?: AbortSignal): AsyncGenerator<EngineEvent> {
    if (failure) throw new EngineError("internal", failure.message);
    if (mailboxes.size >= maxRequests) throw new EngineBusy(`${maxRequests} requests run or wait already`);
    signal?.throwIfAborted();
    const id = nextId++;
    const events: EngineEvent[] = [];
    let error: Error | undefined;
    let wake = () => {};
    mailboxes.set(id, {
      onEvent(event) {
        events.push(event);
        wake();
      },
      onError(reason) {
        error = reason;
        wake();
      },
    });
    const abort = () => post({ kind: "cancel", id });
    signal?.addEventListener("abort", abort, { once: true });
    let finished = false;
    try {
      post({ kind: "submit", id, request });
      while (!finished) {
        for (const event of events.splice(0)) {
          finished ||= event.kind === "finished";
          yield event;
        }
        if (finished) return;
        if (error) {
          finished = true;
          throw error;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (events.length > 0 || error) resolve();
        });
      }
    } finally {
      signal?.removeEventListener("abort", abort);
      mailboxes.delete(id);
      if (!finished) post({ kind: "cancel", id });
    }
  }

  return {
    model,
    closed,
    get active() {
      return mailboxes.size;
    },
    submit,
    async score(prompt, { top = 0, signal } = {}) {
      const sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0 };
      const request: EngineRequest = { prompt, maxTokens: 0, sampling, stop: [], logprobs: top, score: true };
      for await (const event of submit(request, signal)) if (event.kind === "finished") return event.prompt ?? [];
      throw new EngineError("internal", "the engine ended without an answer");
    },
    async setWeights(checkpoint) {
      if (failure) throw new EngineError("internal", failure.message);
      const id = nextId++;
      try {
        await new Promise<void>((resolve, reject) => {
          mailboxes.set(id, { onEvent: () => resolve(), onError: reject });
          post({ kind: "setWeights", id, checkpoint });
        });
      } finally {
        mailboxes.delete(id);
      }
    },
    async close() {
      closing = true;
      if (!failure) post({ kind: "close" });
      await closed;
    },
  };
}
