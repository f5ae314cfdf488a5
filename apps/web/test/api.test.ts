import assert from "node:assert/strict";
import { test } from "node:test";
import { readChunk } from "../src/api/chunks.ts";
import { createClient } from "../src/api/client.ts";
import { explain, Problem, type ProblemKind, parseRetryAfter, problemOf } from "../src/api/problem.ts";
import type { Delta, Sampling } from "../src/api/types.ts";

const sampling: Sampling = { temperature: 0.5, topP: 0.9, maxTokens: 3, seed: 7, stop: ["\n"] };

/** A client of a server that gives one answer and notes what it was asked. */
function clientOf(answer: () => Response | Promise<Response>, key: string | null = null) {
  const asked: { url: string; init: RequestInit }[] = [];
  const ask = async (url: unknown, init: RequestInit = {}) => {
    asked.push({ url: String(url), init });
    return answer();
  };
  return { client: createClient({ apiKey: () => key, fetch: ask as typeof fetch }), asked };
}

function streamOf(...chunks: readonly (object | string)[]): Response {
  const lines = chunks.map((chunk) => `data: ${typeof chunk === "string" ? chunk : JSON.stringify(chunk)}\n\n`);
  return new Response(lines.join(""), { headers: { "Content-Type": "text/event-stream" } });
}

async function collect(deltas: AsyncIterable<Delta>): Promise<Delta[]> {
  const out: Delta[] = [];
  for await (const delta of deltas) out.push(delta);
  return out;
}

const signal = new AbortController().signal;
const isProblem = (kind: ProblemKind) => (error: unknown) => error instanceof Problem && error.kind === kind;

test("a completion asks for what the settings say, and gives text, tokens, usage and reason", async () => {
  const logprobs = { tokens: [" a"], token_logprobs: [-0.5], top_logprobs: [{ " b": -1, " a": -0.5 }] };
  const { client, asked } = clientOf(
    () =>
      streamOf(
        { choices: [{ text: " a", logprobs, finish_reason: null }] },
        { choices: [{ text: "", logprobs: null, finish_reason: "stop" }] },
        { choices: [], usage: { prompt_tokens: 4, completion_tokens: 1, total_tokens: 5 } },
        "[DONE]",
      ),
    "secret",
  );
  const deltas = await collect(client.complete("m", "once", sampling, signal));
  const top = [
    { text: " a", logprob: -0.5 },
    { text: " b", logprob: -1 },
  ];
  assert.deepEqual(deltas, [
    { text: " a", tokens: [{ text: " a", logprob: -0.5, top }] },
    { text: "", tokens: [], finish: "stop" },
    { text: "", tokens: [], usage: { promptTokens: 4, completionTokens: 1 } },
  ]);
  assert.equal(asked[0].url, "/v1/completions");
  assert.equal(new Headers(asked[0].init.headers).get("authorization"), "Bearer secret");
  assert.deepEqual(JSON.parse(String(asked[0].init.body)), {
    model: "m",
    prompt: "once",
    temperature: 0.5,
    top_p: 0.9,
    seed: 7,
    stop: ["\n"],
    stream: true,
    stream_options: { include_usage: true },
    max_tokens: 3,
    logprobs: 5,
  });
});

test("a chat leaves out what is not set", async () => {
  const { client, asked } = clientOf(() => streamOf({ choices: [{ delta: {}, finish_reason: "stop" }] }, "[DONE]"));
  const plain = { temperature: 1, topP: 1, maxTokens: 9, stop: [] };
  await collect(client.chat("m", [{ role: "user", content: "hi" }], plain, signal));
  const body = JSON.parse(String(asked[0].init.body));
  assert.equal(asked[0].url, "/v1/chat/completions");
  assert.deepEqual([body.logprobs, body.top_logprobs, "seed" in body, "stop" in body], [true, 5, false, false]);
});

test("a chat's tokens", () => {
  const content = [
    { token: "Hi", logprob: -0.1, bytes: null, top_logprobs: [{ token: "Yo", logprob: -3, bytes: null }] },
  ];
  const chunk = { choices: [{ delta: { content: "Hi" }, logprobs: { content }, finish_reason: null }] };
  assert.deepEqual(readChunk(JSON.stringify(chunk), "chat"), {
    text: "Hi",
    tokens: [{ text: "Hi", logprob: -0.1, top: [{ text: "Yo", logprob: -3 }] }],
  });
});

test("chunks of a strange shape are passed over or refused, never believed", () => {
  for (const chunk of [
    "{}",
    '{"choices":[]}',
    '{"choices":[null]}',
    '{"choices":[{"text":5,"logprobs":{"tokens":"x"}}]}',
  ]) {
    assert.deepEqual(readChunk(chunk, "completion"), { text: "", tokens: [] });
  }
  const odd = {
    choices: [{ text: "x", logprobs: { tokens: ["x", 5], token_logprobs: [null, -1], top_logprobs: [3] } }],
  };
  assert.deepEqual(readChunk(JSON.stringify(odd), "completion"), { text: "x", tokens: [] });
  for (const chunk of ["", "nonsense", "[]", "null", '"text"']) {
    assert.throws(() => readChunk(chunk, "chat"), isProblem("malformed"));
  }
  assert.throws(() => readChunk('{"error":{"message":"died"}}', "chat"), /died/);
});

test("statuses become problems that keep the server's words", async () => {
  const body = JSON.stringify({ error: { message: "temperature: too big", code: "invalid_value" } });
  const kinds: [number, ProblemKind][] = [
    [400, "rejected"],
    [401, "unauthorized"],
    [404, "rejected"],
    [413, "rejected"],
    [429, "busy"],
    [500, "server"],
    [503, "server"],
  ];
  for (const [status, kind] of kinds) {
    const problem = await problemOf(new Response(body, { status }));
    assert.deepEqual([problem.kind, problem.message, problem.code], [kind, "temperature: too big", "invalid_value"]);
  }
  const proxy = await problemOf(new Response("<h1>Bad gateway</h1>", { status: 502, statusText: "Bad Gateway" }));
  assert.equal(proxy.message, "status 502 Bad Gateway");
  const busy = await problemOf(new Response("", { status: 429, headers: { "Retry-After": "5" } }));
  assert.equal(busy.retryAfter, 5);
});

test("every kind of problem has a title and advice", () => {
  const kinds: ProblemKind[] = ["offline", "unauthorized", "rejected", "busy", "server", "cut", "malformed"];
  for (const kind of kinds) {
    const { title, advice } = explain(new Problem(kind, "why"));
    assert.match(title, /\.$/);
    assert.match(advice, /\.$/);
  }
  const long = explain(new Problem("rejected", "the prompt has 900 tokens", { code: "context_length_exceeded" }));
  assert.match(long.advice, /shorten/);
});

test("Retry-After is seconds or a date; anything else is no time", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  assert.equal(parseRetryAfter("12", now), 12);
  assert.equal(parseRetryAfter("Thu, 01 Jan 2026 00:00:03 GMT", now), 3);
  assert.equal(parseRetryAfter("Thu, 01 Jan 2025 00:00:00 GMT", now), 0);
  for (const header of [null, "", "soon", "-3x"]) assert.equal(parseRetryAfter(header, now), undefined);
});

test("a stream that ends before the text does was cut; one that ends without [DONE] after its reason was not", async () => {
  const open = { choices: [{ text: "a", finish_reason: null }] };
  const closed = { choices: [{ text: "", finish_reason: "length" }] };
  const cut = clientOf(() => streamOf(open)).client;
  await assert.rejects(collect(cut.complete("m", "", sampling, signal)), isProblem("cut"));
  const whole = clientOf(() => streamOf(open, closed)).client;
  assert.equal((await collect(whole.complete("m", "", sampling, signal))).length, 2);
});

test("no network, no stream, no list, and a key that no header can carry", async () => {
  const gone = clientOf(() => Promise.reject(new TypeError("Failed to fetch"))).client;
  await assert.rejects(gone.models(), isProblem("offline"));
  const page = clientOf(() => new Response("<html>", { headers: { "Content-Type": "text/html" } })).client;
  await assert.rejects(collect(page.complete("m", "", sampling, signal)), isProblem("malformed"));
  await assert.rejects(page.models(), isProblem("malformed"));
  const { client, asked } = clientOf(() => Response.json({ data: [] }), "schlüssel");
  await assert.rejects(client.models(), isProblem("unauthorized"));
  assert.equal(asked.length, 0);
});

test("an abort is no problem but the abort itself", async () => {
  const abort = new AbortController();
  abort.abort();
  const { client } = clientOf(() => Promise.reject(abort.signal.reason));
  await assert.rejects(collect(client.complete("m", "", sampling, abort.signal)), { name: "AbortError" });
});

test("models keep the details that have the right type", async () => {
  const baltoro = { description: "small", parameters: "many", context: 512, chat: false, trainedOn: "" };
  const { client } = clientOf(() => Response.json({ data: [{ id: "m", baltoro }, { id: "n" }, 5, { id: 6 }] }));
  assert.deepEqual(await client.models(), [
    { id: "m", baltoro: { description: "small", context: 512, chat: false } },
    { id: "n" },
  ]);
});
