import { EngineBusy, EngineError } from "../engine/index.ts";
import { ApiError, internalError } from "../gateway/errors.ts";

/** An engine's error as the API shows it. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof EngineBusy) {
    return new ApiError(429, error.message, {
      type: "rate_limit_error",
      code: "engine_busy",
      headers: { "Retry-After": "1" },
    });
  }
  if (error instanceof EngineError) {
    const tooLong = /prompt has \d+ tokens/.test(error.message);
    return error.kind === "invalid"
      ? new ApiError(400, error.message, tooLong ? { code: "context_length_exceeded" } : {})
      : new ApiError(503, error.message, { code: "engine_failed" });
  }
  return internalError(error);
}

/**
 * Server-sent events: one `data:` line of JSON per chunk, `[DONE]` at the end. What goes wrong before the first chunk is
 * answered with a status of its own; later an error chunk ends the stream. Leaving it cancels the work.
 */
export async function eventStream(chunks: AsyncGenerator<unknown>, abort: AbortController): Promise<Response> {
  const encoder = new TextEncoder();
  const encode = (value: string) => encoder.encode(`data: ${value}\n\n`);
  let next: IteratorResult<unknown> | undefined = await chunks.next();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        next ??= await chunks.next();
        if (next.done) {
          controller.enqueue(encode("[DONE]"));
          controller.close();
        } else controller.enqueue(encode(JSON.stringify(next.value)));
        next = undefined;
      } catch (error) {
        abort.abort();
        controller.enqueue(encode(JSON.stringify(toApiError(error).body)));
        controller.close();
      }
    },
    async cancel() {
      abort.abort();
      await chunks.return(undefined);
    },
  });
  return new Response(body, {
    headers: {
      "Content-Type": "text/event-stream; charset=utf-8",
      "Cache-Control": "no-cache",
      "X-Accel-Buffering": "no",
    },
  });
}

/** Takes from several sources whatever comes first. Ending early ends them all. */
export async function* merge<T>(sources: readonly AsyncIterable<T>[]): AsyncGenerator<readonly [number, T]> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  const take = async (index: number) => ({ index, result: await iterators[index].next() });
  const pending = new Map(iterators.map((_, index) => [index, take(index)]));
  try {
    while (pending.size > 0) {
      const { index, result } = await Promise.race(pending.values());
      if (result.done) pending.delete(index);
      else {
        pending.set(index, take(index));
        yield [index, result.value];
      }
    }
  } finally {
    for (const promise of pending.values()) promise.catch(() => {});
    void Promise.all(iterators.map((iterator) => iterator.return?.()));
  }
}
