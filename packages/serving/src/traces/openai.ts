import { createHash } from "node:crypto";
import { jsonObject, LineError, show, timeMs, wholeNumber } from "./fields.ts";
import type { RecordReader } from "./record.ts";

type Fields = Record<string, unknown>;

/** UTF-8 bytes that are taken for a token where text is cut into blocks: about that of English. */
const bytesPerToken = 4;

const timeNames = ["timestamp", "created", "created_at", "start_time", "startTime", "request_time", "time"];

/**
 * Logs of requests to OpenAI's API: an object a line that holds, itself or in `request`, `response`, `body` or
 * `response.body`, a time (created, timestamp, start_time …) and `usage` with prompt_tokens and completion_tokens (or
 * input_tokens and output_tokens). Where prompts are logged too (messages, prompt or input), equal beginnings are found:
 * text is cut every 4 · blockSize bytes, since the tokenizer is not known, and only hashes are kept.
 */
export const openaiReader: RecordReader = (text, { blockSize, interner }) => {
  const line = jsonObject(text);
  const parts = [line, ...["request", "response", "body"].map((name) => line[name])].flatMap((part) =>
    isObject(part) ? [part, ...(isObject(part["body"]) ? [part["body"]] : [])] : [],
  );
  const find = (...names: string[]): [string, unknown] | null => {
    for (const name of names) {
      for (const part of parts) if (part[name] !== undefined && part[name] !== null) return [name, part[name]];
    }
    return null;
  };
  const time = find(...timeNames);
  if (!time) throw new LineError(`no time: expected one of ${timeNames.join(", ")}`);
  const usage = find("usage")?.[1];
  if (!isObject(usage)) throw new LineError(`usage is ${show(usage)}, expected an object with prompt_tokens`);
  const tokens = (names: readonly string[]) => {
    const name = names.find((one) => usage[one] !== undefined) ?? names[0];
    return wholeNumber(`usage.${name}`, usage[name], 1);
  };
  const inputTokens = tokens(["prompt_tokens", "input_tokens"]);
  const outputTokens = tokens(["completion_tokens", "output_tokens"]);
  const prompt = find("messages", "prompt", "input");
  if (!prompt) return { timeMs: timeMs(...time), inputTokens, outputTokens, blocks: null };

  // Another model's cache is of no use. Tools come first in a prompt.
  const model = find("model")?.[1] ?? "";
  const head = JSON.stringify([model, find("tools")?.[1] ?? null, find("instructions")?.[1] ?? null]);
  const bytes = Buffer.from(promptText(prompt[1]), "utf8");
  const blocks = new Uint32Array(Math.ceil(inputTokens / blockSize));
  const size = blockSize * bytesPerToken;
  let parent = -1;
  for (let i = 0; i < blocks.length; i++) {
    const part = bytes.subarray(i * size, (i + 1) * size);
    // Tokens beyond the text are a template's, or the text was shorter than assumed: nobody shares them.
    if (part.length === 0) parent = interner.fresh();
    else {
      const hash = createHash("sha256")
        .update(i === 0 ? head : "")
        .update(part);
      parent = interner.intern(parent, hash.digest("base64").slice(0, 24));
    }
    blocks[i] = parent;
  }
  return { timeMs: timeMs(...time), inputTokens, outputTokens, blocks };
};

/** A prompt as one text whose beginning stays when messages are added. */
function promptText(prompt: unknown): string {
  if (typeof prompt === "string") return prompt;
  if (!Array.isArray(prompt)) return JSON.stringify(prompt);
  return prompt
    .map((message) =>
      isObject(message) && typeof message["content"] === "string"
        ? `\n<${message["role"]}>${message["content"]}`
        : JSON.stringify(message),
    )
    .join("");
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
