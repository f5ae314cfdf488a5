import { type ChunkShape, readChunk } from "./chunks.ts";
import { isRecord, Problem, parseJson } from "./problem.ts";
import { createSender, type SenderOptions } from "./send.ts";
import { readEvents } from "./sse.ts";
import type { Delta, Message, Model, ModelDetails, Sampling } from "./types.ts";

/** The API of the server that this page came from. Each call throws {@link Problem}; an aborted one throws the signal's reason. */
export interface Client {
  models(signal?: AbortSignal): Promise<Model[]>;
  /** Continues a text. */
  complete(model: string, prompt: string, sampling: Sampling, signal: AbortSignal): AsyncGenerator<Delta>;
  /** Answers a conversation. */
  chat(model: string, messages: readonly Message[], sampling: Sampling, signal: AbortSignal): AsyncGenerator<Delta>;
}

/** Alternatives asked for beside each token: the most that OpenAI's completions give. */
const alternatives = 5;

/** Makes a {@link Client}. */
export function createClient(options: SenderOptions): Client {
  const send = createSender(options);

  const stream = async function* (path: string, body: object, shape: ChunkShape, signal: AbortSignal) {
    const headers = { "Content-Type": "application/json", Accept: "text/event-stream" };
    const response = await send(path, { method: "POST", headers, body: JSON.stringify(body), signal });
    if (response.body === null || !/^text\/event-stream\b/i.test(response.headers.get("content-type") ?? "")) {
      throw new Problem("malformed", "the server did not send a stream");
    }
    yield* readStream(response.body, shape, signal);
  };

  return {
    async models(signal) {
      const response = await send("/v1/models", signal ? { signal } : {});
      return readModels(parseJson(await response.text()));
    },
    complete(model, prompt, sampling, signal) {
      const body = { model, prompt, ...parameters(sampling), max_tokens: sampling.maxTokens, logprobs: alternatives };
      return stream("/v1/completions", body, "completion", signal);
    },
    chat(model, messages, sampling, signal) {
      const asked = { max_tokens: sampling.maxTokens, logprobs: true, top_logprobs: alternatives };
      return stream("/v1/chat/completions", { model, messages, ...parameters(sampling), ...asked }, "chat", signal);
    },
  };
}

function parameters({ temperature, topP, seed, stop }: Sampling) {
  return {
    temperature,
    top_p: topP,
    ...(seed === undefined ? {} : { seed }),
    ...(stop.length === 0 ? {} : { stop }),
    stream: true,
    stream_options: { include_usage: true },
  };
}

/** A body's chunks up to [DONE]. @throws Problem `cut` if the body ends or breaks before the text does */
async function* readStream(body: ReadableStream<Uint8Array>, shape: ChunkShape, signal: AbortSignal) {
  let finished = false;
  try {
    for await (const { data } of readEvents(body)) {
      if (data === "[DONE]") return;
      const delta = readChunk(data, shape);
      if (delta.finish !== undefined) finished = true;
      yield delta;
    }
  } catch (error) {
    if (signal.aborted || error instanceof Problem) throw error;
    throw new Problem("cut", error instanceof Error ? error.message : String(error));
  }
  if (!finished) throw new Problem("cut", "the stream ended early");
}

function readModels(list: unknown): Model[] {
  const data = isRecord(list) ? list["data"] : undefined;
  if (!Array.isArray(data)) throw new Problem("malformed", "/v1/models gave no list");
  return data.flatMap((entry: unknown) => {
    if (!isRecord(entry) || typeof entry["id"] !== "string") return [];
    const baltoro = readDetails(entry["baltoro"]);
    return [{ id: entry["id"], ...(baltoro ? { baltoro } : {}) }];
  });
}

/** Keeps the fields that have the type they should have. */
function readDetails(value: unknown): ModelDetails | undefined {
  if (!isRecord(value)) return undefined;
  const of = <T extends string | number | boolean>(field: string, type: string): Record<string, T> =>
    typeof value[field] === type && value[field] !== "" ? { [field]: value[field] as T } : {};
  return {
    ...of<string>("description", "string"),
    ...of<number>("parameters", "number"),
    ...of<number>("activeParameters", "number"),
    ...of<number>("context", "number"),
    ...of<string>("trainedOn", "string"),
    ...of<boolean>("chat", "boolean"),
  };
}
