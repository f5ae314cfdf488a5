import {
  createStopMatcher,
  renderChat,
  type Scheduler,
  type Tokenizer,
  type TokenLogprob,
  type TokenScore,
} from "@baltoro/k2";
import type { EngineEvent, EngineRequest, FromEngine, Prompt, PromptToken, TokenPiece } from "./messages.ts";
import { plainChatStops, renderPlainChat } from "./plain-chat.ts";

interface SubmitContext {
  readonly scheduler: Scheduler;
  readonly tokenizer: Tokenizer;
  readonly chat: boolean;
  readonly context: number;
  /** Scheduler's id of each request under way. */
  readonly sequences: Map<number, number>;
  send(message: FromEngine): void;
}

/** Encodes a request, puts it into the scheduler, and sends what becomes of it. */
export function submit(engine: SubmitContext, id: number, request: EngineRequest): void {
  const { scheduler, tokenizer, sequences, send } = engine;
  const event = (value: EngineEvent) => send({ kind: "event", id, event: value });
  try {
    const prompt = encodePrompt(tokenizer, request.prompt, engine.chat);
    const plainChat = request.prompt.kind === "chat" && !engine.chat;
    const stops = createStopMatcher(plainChat ? [...request.stop, ...plainChatStops] : request.stop);
    const decoder = tokenizer.createDecoder();
    const maxTokens = Math.min(request.maxTokens ?? engine.context, Math.max(engine.context - prompt.length, 1));
    const sequence = scheduler.add(
      {
        prompt,
        maxTokens: request.maxTokens === 0 ? 0 : maxTokens,
        sampling: request.sampling,
        stopIds: [tokenizer.eosId, tokenizer.imEndId],
        topLogprobs: request.logprobs ?? 0,
        logprobs: request.logprobs !== undefined,
        // Without a token to generate, scoring is what makes a sequence end.
        score: request.score === true || request.maxTokens === 0,
      },
      {
        onToken(token, logprob, top) {
          const { text, stopped } = stops.push(decoder.push(token));
          const scored =
            logprob === undefined
              ? {}
              : { token: { ...piece(tokenizer, { id: token, logprob }), top: pieces(tokenizer, top ?? []) } };
          event({ kind: "token", text, ...scored });
          return stopped;
        },
        onFinish(reason, scores) {
          sequences.delete(id);
          const rest = stops.push(decoder.flush());
          const text = rest.stopped ? rest.text : rest.text + stops.flush();
          event({
            kind: "finished",
            reason,
            text,
            ...(request.score ? { prompt: promptTokens(tokenizer, prompt, scores) } : {}),
          });
        },
        onError(error) {
          sequences.delete(id);
          send({ kind: "error", id, error: "internal", message: error.message });
        },
      },
    );
    sequences.set(id, sequence);
    event({ kind: "started", promptTokens: prompt.length });
  } catch (error) {
    send({ kind: "error", id, error: "invalid", message: (error as Error).message });
  }
}

/** Texts begin with [BOS], as in training; ids are taken as they are. */
function encodePrompt(tokenizer: Tokenizer, prompt: Prompt, chat: boolean): readonly number[] {
  switch (prompt.kind) {
    case "ids":
      return prompt.ids;
    case "text":
      return [tokenizer.bosId, ...tokenizer.encode(prompt.text)];
    case "chat":
      if (chat) return renderChat(tokenizer, prompt.messages);
      return [tokenizer.bosId, ...tokenizer.encode(renderPlainChat(prompt.messages))];
  }
}

function piece(tokenizer: Tokenizer, { id, logprob }: TokenLogprob): TokenPiece {
  return { id, bytes: Array.from(tokenizer.tokenBytes(id)), logprob };
}

function pieces(tokenizer: Tokenizer, tokens: readonly TokenLogprob[]): TokenPiece[] {
  return tokens.map((token) => piece(tokenizer, token));
}

function promptTokens(tokenizer: Tokenizer, prompt: readonly number[], scores: readonly TokenScore[]): PromptToken[] {
  return prompt.map((id, i) => {
    const score = scores[i - 1];
    return {
      id,
      bytes: Array.from(tokenizer.tokenBytes(id)),
      logprob: score?.logprob ?? null,
      top: pieces(tokenizer, score?.top ?? []),
    };
  });
}
