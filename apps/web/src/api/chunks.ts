import { errorFields, isRecord, Problem, parseJson } from "./problem.ts";
import type { Candidate, Delta, Token, Usage } from "./types.ts";

/** Which of OpenAI's two shapes of chunk a stream has. */
export type ChunkShape = "completion" | "chat";

/**
 * Reads one chunk of a stream. What it does not know it passes over.
 *
 * @throws Problem `server` for an error chunk, `malformed` for what is no chunk
 */
export function readChunk(data: string, shape: ChunkShape): Delta {
  const chunk = parseJson(data);
  if (!isRecord(chunk)) throw new Problem("malformed", `a chunk is not a JSON object: ${data.slice(0, 80)}`);
  if (chunk["error"] !== undefined && chunk["error"] !== null) {
    const { message, code } = errorFields(chunk);
    throw new Problem("server", message ?? "it gave no reason", code === undefined ? {} : { code });
  }
  const choices = chunk["choices"];
  const choice = Array.isArray(choices) && isRecord(choices[0]) ? choices[0] : {};
  const usage = readUsage(chunk["usage"]);
  const finish = choice["finish_reason"];
  const logprobs = isRecord(choice["logprobs"]) ? choice["logprobs"] : {};
  const text = shape === "chat" ? textOf(choice["delta"], "content") : textOf(choice, "text");
  return {
    text,
    tokens: shape === "chat" ? chatTokens(logprobs["content"]) : completionTokens(logprobs),
    ...(typeof finish === "string" ? { finish } : {}),
    ...(usage === undefined ? {} : { usage }),
  };
}

function textOf(from: unknown, field: string): string {
  const text = isRecord(from) ? from[field] : undefined;
  return typeof text === "string" ? text : "";
}

function readUsage(value: unknown): Usage | undefined {
  if (!isRecord(value)) return undefined;
  const { prompt_tokens: promptTokens, completion_tokens: completionTokens } = value;
  if (typeof promptTokens !== "number" || typeof completionTokens !== "number") return undefined;
  return { promptTokens, completionTokens };
}

/** Chat completions list tokens one by one. */
function chatTokens(content: unknown): Token[] {
  if (!Array.isArray(content)) return [];
  return content.flatMap((entry: unknown) => {
    const candidate = readCandidate(entry);
    if (candidate === undefined) return [];
    const top = isRecord(entry) && Array.isArray(entry["top_logprobs"]) ? entry["top_logprobs"] : [];
    return [{ ...candidate, top: sort(top.flatMap((other: unknown) => readCandidate(other) ?? [])) }];
  });
}

function readCandidate(entry: unknown): Candidate | undefined {
  if (!isRecord(entry)) return undefined;
  const { token, logprob } = entry;
  return typeof token === "string" && typeof logprob === "number" ? { text: token, logprob } : undefined;
}

/** Completions list tokens as parallel arrays, and the alternatives of each as an object. */
function completionTokens(logprobs: Readonly<Record<string, unknown>>): Token[] {
  const { tokens, token_logprobs: values, top_logprobs: tops } = logprobs;
  if (!Array.isArray(tokens) || !Array.isArray(values)) return [];
  return tokens.flatMap((text: unknown, i) => {
    const logprob: unknown = values[i];
    if (typeof text !== "string" || typeof logprob !== "number") return [];
    const top: unknown = Array.isArray(tops) ? tops[i] : undefined;
    const entries = isRecord(top) ? Object.entries(top) : [];
    const candidates = entries.flatMap(([other, value]) =>
      typeof value === "number" ? [{ text: other, logprob: value }] : [],
    );
    return [{ text, logprob, top: sort(candidates) }];
  });
}

const sort = (candidates: Candidate[]) => candidates.sort((a, b) => b.logprob - a.logprob);
