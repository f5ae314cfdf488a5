import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { Engine, EngineEvent, EngineRequest, Prompt, PromptToken, ScoredToken } from "../engine/index.ts";
import { ApiError } from "../gateway/errors.ts";
import type { Route } from "../gateway/route.ts";
import { checkModel, parseBody, samplingOf, seedOf, sharedParameters, stopsOf } from "./request.ts";
import { eventStream, merge, toApiError } from "./stream.ts";

const ids = z.array(z.int().min(0)).min(1);
const schema = z.object({
  ...sharedParameters,
  prompt: z.union([z.string(), ids, z.array(z.string()).min(1).max(64), z.array(ids).min(1).max(64)]),
  max_tokens: z.int().min(0).nullish(),
  echo: z.boolean().nullish(),
  logprobs: z.int().min(0).max(20).nullish(),
  best_of: z.literal(1).nullish(),
  suffix: z.literal("").nullish(),
});
type Body = z.infer<typeof schema>;

/** The older API's four parallel lists. */
interface Logprobs {
  readonly tokens: string[];
  readonly token_logprobs: (number | null)[];
  readonly top_logprobs: (Record<string, number> | null)[];
  readonly text_offset: number[];
}

interface Choice {
  readonly index: number;
  text: string;
  logprobs: Logprobs | null;
  finish_reason: string | null;
}

/** POST /v1/completions: continues texts. */
export function completionsRoute(engine: Engine): Route {
  return {
    method: "POST",
    path: "/v1/completions",
    async handle(context) {
      const body = await parseBody(context.req.raw, schema);
      checkModel(body.model, engine.model.id);
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

function promptsOf({ prompt }: Body): Prompt[] {
  if (typeof prompt === "string") return [{ kind: "text", text: prompt }];
  if (typeof prompt[0] === "number") return [{ kind: "ids", ids: prompt as number[] }];
  return (prompt as (string | number[])[]).map((part) =>
    typeof part === "string" ? { kind: "text", text: part } : { kind: "ids", ids: part },
  );
}

async function* run(engine: Engine, body: Body, signal: AbortSignal) {
  const n = body.n ?? 1;
  const maxTokens = body.max_tokens ?? 16;
  if (maxTokens === 0 && !body.echo) {
    throw new ApiError(400, "max_tokens: 0 generates nothing; with echo it scores the prompt", { param: "max_tokens" });
  }
  const wantsLogprobs = body.logprobs !== null && body.logprobs !== undefined;
  const seed = seedOf(body);
  const prompts = promptsOf(body);
  const requests = prompts.flatMap((prompt) =>
    Array.from(
      { length: n },
      (_, i): EngineRequest => ({
        prompt,
        maxTokens,
        sampling: samplingOf(body, seed, i),
        stop: stopsOf(body),
        ...(wantsLogprobs ? { logprobs: body.logprobs as number } : {}),
        // Echoing needs the prompt's tokens as the engine sees them.
        ...(body.echo ? { score: true, logprobs: body.logprobs ?? 0 } : {}),
      }),
    ),
  );
  const head = {
    id: `cmpl-${randomUUID()}`,
    object: "text_completion",
    created: Math.floor(Date.now() / 1000),
    model: body.model,
  };
  const counted = new Set<number>();
  const usage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
  const offsets = requests.map(() => 0);
  const held: (readonly EngineEvent[])[] = requests.map(() => []);
  const chunk = (choice: Choice) => ({ ...head, choices: [choice] });

  function* show(index: number, event: EngineEvent) {
    if (event.kind === "token") {
      const logprobs = wantsLogprobs && event.token ? toLogprobs([event.token], offsets, index) : null;
      yield chunk({ index, text: event.text, logprobs, finish_reason: null });
    } else if (event.kind === "finished") {
      yield chunk({ index, text: event.text, logprobs: null, finish_reason: event.reason });
    }
  }

  for await (const [index, event] of merge(requests.map((request) => engine.submit(request, signal)))) {
    if (event.kind === "started") {
      const prompt = Math.floor(index / n);
      if (!counted.has(prompt)) usage.prompt_tokens += event.promptTokens;
      counted.add(prompt);
      continue;
    }
    if (event.kind === "token") usage.completion_tokens++;
    if (!body.echo) yield* show(index, event);
    else if (event.kind === "token") held[index] = [...held[index], event];
    else {
      // The prompt's scores come with the end; an echo begins with them.
      const tokens = event.prompt ?? [];
      const prompt = prompts[Math.floor(index / n)];
      const visible = prompt.kind === "text" ? tokens.slice(1) : tokens;
      const text = prompt.kind === "text" ? prompt.text : decode(visible);
      yield chunk({
        index,
        text,
        logprobs: wantsLogprobs ? toLogprobs(visible, offsets, index) : null,
        finish_reason: null,
      });
      for (const earlier of held[index]) yield* show(index, earlier);
      yield* show(index, event);
    }
  }
  usage.total_tokens = usage.prompt_tokens + usage.completion_tokens;
  if (!body.stream || body.stream_options?.include_usage) yield { ...head, choices: [], usage };
}

function toLogprobs(tokens: readonly (ScoredToken | PromptToken)[], offsets: number[], index: number): Logprobs {
  const texts = tokens.map(({ bytes }) => decode([{ bytes }]));
  return {
    tokens: texts,
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(({ logprob, top }) =>
      logprob === null ? null : Object.fromEntries(top.map((other) => [decode([other]), other.logprob])),
    ),
    text_offset: texts.map((text) => {
      const offset = offsets[index];
      offsets[index] += text.length;
      return offset;
    }),
  };
}

/** Text of tokens; one that is a part of a character alone is shown as U+FFFD. */
function decode(tokens: readonly { readonly bytes: readonly number[] }[]): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(tokens.flatMap(({ bytes }) => bytes)));
}

type Chunk = { readonly choices: readonly Choice[]; readonly usage?: object };

/** Puts the chunks of a stream together, choice by choice. */
async function collect(chunks: AsyncGenerator<Chunk>): Promise<object> {
  const choices = new Map<number, Choice>();
  let last: Chunk = { choices: [] };
  for await (const chunk of chunks) {
    for (const part of chunk.choices) {
      const whole = choices.get(part.index);
      if (!whole) {
        choices.set(part.index, { ...part });
        continue;
      }
      whole.text += part.text;
      whole.finish_reason = part.finish_reason;
      if (part.logprobs && whole.logprobs) {
        whole.logprobs.tokens.push(...part.logprobs.tokens);
        whole.logprobs.token_logprobs.push(...part.logprobs.token_logprobs);
        whole.logprobs.top_logprobs.push(...part.logprobs.top_logprobs);
        whole.logprobs.text_offset.push(...part.logprobs.text_offset);
      } else whole.logprobs ??= part.logprobs;
    }
    last = chunk;
  }
  return { ...last, choices: [...choices.values()].sort((a, b) => a.index - b.index) };
}
