import { randomUUID } from "node:crypto";
import type { ChatMessage } from "@baltoro/k2";
import { z } from "zod";
import type { Engine, EngineRequest, ScoredToken } from "../engine/index.ts";
import { ApiError } from "../gateway/errors.ts";
import type { Route } from "../gateway/route.ts";
import { checkModel, parseBody, samplingOf, seedOf, sharedParameters, stopsOf } from "./request.ts";
import { eventStream, merge, toApiError } from "./stream.ts";

const content = z.union([
  z.string(),
  z
    .array(z.object({ type: z.literal("text"), text: z.string() }))
    .transform((parts) => parts.map(({ text }) => text).join("")),
]);
const message = z.discriminatedUnion("role", [
  z.object({ role: z.enum(["system", "developer", "user"]), content }),
  z.object({ role: z.literal("assistant"), content: content.nullish() }),
  z.object({ role: z.literal("tool"), content, tool_call_id: z.string() }),
]);
const schema = z.object({
  ...sharedParameters,
  messages: z.array(message).min(1),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  response_format: z.object({ type: z.literal("text") }).nullish(),
  tools: z.array(z.unknown()).max(0, "this server does not call tools").nullish(),
});
type Body = z.infer<typeof schema>;

interface TokenLogprobs {
  readonly token: string;
  readonly bytes: readonly number[];
  readonly logprob: number;
}

interface Delta {
  readonly index: number;
  readonly delta: { readonly role?: "assistant"; readonly content?: string };
  readonly logprobs: { readonly content: readonly (TokenLogprobs & { top_logprobs: TokenLogprobs[] })[] } | null;
  readonly finish_reason: string | null;
}

type Chunk = { readonly choices: readonly Delta[]; readonly usage?: object | null };

/** POST /v1/chat/completions: answers a conversation. */
export function chatRoute(engine: Engine): Route {
  return {
    method: "POST",
    path: "/v1/chat/completions",
    async handle(context) {
      const body = await parseBody(context.req.raw, schema);
      checkModel(body.model, engine.model.id);
      if (body.top_logprobs && !body.logprobs) {
        throw new ApiError(400, "top_logprobs: needs logprobs to be true", { param: "top_logprobs" });
      }
      const abort = new AbortController();
      context.req.raw.signal.addEventListener("abort", () => abort.abort(), { once: true });
      const chunks = run(engine, body, abort.signal);
      try {
        if (body.stream) return await eventStream(chunks, abort);
        return Response.json(await collect(chunks));
      } catch (error) {
        abort.abort();
        throw toApiError(error);
      }
    },
  };
}

function toChatMessage(from: Body["messages"][number]): ChatMessage {
  if (from.role === "tool") return { role: "tool", content: from.content, toolCallId: from.tool_call_id };
  return { role: from.role === "developer" ? "system" : from.role, content: from.content ?? "" };
}

async function* run(engine: Engine, body: Body, signal: AbortSignal): AsyncGenerator<Chunk> {
  const seed = seedOf(body);
  const maxTokens = body.max_completion_tokens ?? body.max_tokens;
  const requests = Array.from(
    { length: body.n ?? 1 },
    (_, i): EngineRequest => ({
      prompt: { kind: "chat", messages: body.messages.map(toChatMessage) },
      ...(maxTokens ? { maxTokens } : {}),
      sampling: samplingOf(body, seed, i),
      stop: stopsOf(body),
      ...(body.logprobs ? { logprobs: body.top_logprobs ?? 0 } : {}),
    }),
  );
  const head = {
    id: `chatcmpl-${randomUUID()}`,
    object: "chat.completion.chunk",
    created: Math.floor(Date.now() / 1000),
    model: body.model,
  };
  const usage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
  for await (const [index, event] of merge(requests.map((request) => engine.submit(request, signal)))) {
    const chunk = (delta: Delta["delta"], finish: string | null, token?: ScoredToken): Chunk => ({
      ...head,
      choices: [{ index, delta, logprobs: token ? { content: [toLogprobs(token)] } : null, finish_reason: finish }],
    });
    if (event.kind === "started") {
      usage.prompt_tokens = event.promptTokens;
      yield chunk({ role: "assistant", content: "" }, null);
    } else if (event.kind === "token") {
      usage.completion_tokens++;
      yield chunk({ content: event.text }, null, event.token);
    } else {
      if (event.text) yield chunk({ content: event.text }, null);
      yield chunk({}, event.reason);
    }
  }
  usage.total_tokens = usage.prompt_tokens + usage.completion_tokens;
  if (!body.stream || body.stream_options?.include_usage) yield { ...head, choices: [], usage };
}

function toLogprobs(token: ScoredToken) {
  const show = ({ bytes, logprob }: { bytes: readonly number[]; logprob: number }): TokenLogprobs => ({
    token: new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes)),
    bytes,
    logprob,
  });
  return { ...show(token), top_logprobs: token.top.map(show) };
}

async function collect(chunks: AsyncGenerator<Chunk>): Promise<object> {
  const texts: string[] = [];
  const reasons: (string | null)[] = [];
  const logprobs: NonNullable<Delta["logprobs"]>["content"][] = [];
  let last: Chunk = { choices: [] };
  for await (const chunk of chunks) {
    for (const { index, delta, finish_reason, logprobs: part } of chunk.choices) {
      texts[index] = (texts[index] ?? "") + (delta.content ?? "");
      reasons[index] = finish_reason;
      if (part) logprobs[index] = [...(logprobs[index] ?? []), ...part.content];
    }
    last = chunk;
  }
  return {
    ...last,
    object: "chat.completion",
    choices: texts.map((content, index) => ({
      index,
      message: { role: "assistant", content, refusal: null },
      logprobs: logprobs[index] ? { content: logprobs[index], refusal: null } : null,
      finish_reason: reasons[index],
    })),
  };
}
