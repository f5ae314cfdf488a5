import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import OpenAI, { type APIError } from "openai";
import { createGateway, type Engine, type Gateway, openaiRoutes, startEngine } from "../src/index.ts";
import { type TinyCheckpoint, tinyCheckpoint } from "./tiny-checkpoint.ts";

describe("OpenAI's API under its own client", () => {
  let checkpoint: TinyCheckpoint;
  let engine: Engine;
  let gateway: Gateway;
  let client: OpenAI;
  before(async () => {
    checkpoint = await tinyCheckpoint();
    engine = await startEngine({ checkpoint: checkpoint.directory, threads: 1 });
    gateway = await createGateway({ routes: openaiRoutes(engine), port: 0, apiKey: "key" });
    client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: "key", maxRetries: 0 });
  });
  after(async () => {
    await gateway.close();
    await engine.close();
    await checkpoint[Symbol.asyncDispose]();
  });

  const base = { model: "tiny", prompt: "In the beginning", max_tokens: 20, seed: 3 } as const;
  const messages = [{ role: "user", content: "Hello" }] as const;

  test("models", async () => {
    const models = await client.models.list();
    assert.deepEqual(
      models.data.map(({ id, object }) => ({ id, object })),
      [{ id: "tiny", object: "model" }],
    );
    assert.equal((await client.models.retrieve("tiny")).id, "tiny");
    await assert.rejects(client.models.retrieve("huge"), OpenAI.NotFoundError);
  });

  test("a completion: text, usage, the same again under the same seed", async () => {
    const first = await client.completions.create(base);
    assert.equal(first.object, "text_completion");
    assert.equal(first.choices[0].finish_reason, "length");
    assert.deepEqual(first.usage, { prompt_tokens: 17, completion_tokens: 20, total_tokens: 37 });
    assert.equal((await client.completions.create(base)).choices[0].text, first.choices[0].text);
    assert.notEqual((await client.completions.create({ ...base, seed: 4 })).choices[0].text, first.choices[0].text);
  });

  test("streaming gives the same text, and usage if asked for", async () => {
    const { choices } = await client.completions.create(base);
    const stream = await client.completions.create({ ...base, stream: true, stream_options: { include_usage: true } });
    let text = "";
    let finish: string | null = null;
    let usage: unknown;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.text ?? "";
      finish = chunk.choices[0]?.finish_reason ?? finish;
      usage = chunk.usage ?? usage;
    }
    assert.equal(text, choices[0].text);
    assert.equal(finish, "length");
    assert.deepEqual(usage, { prompt_tokens: 17, completion_tokens: 20, total_tokens: 37 });
  });

  test("several prompts and choices", async () => {
    const { choices, usage } = await client.completions.create({
      ...base,
      prompt: ["one", "two"],
      n: 2,
      max_tokens: 5,
    });
    assert.deepEqual(
      choices.map(({ index }) => index),
      [0, 1, 2, 3],
    );
    assert.notEqual(choices[0].text, choices[1].text);
    assert.equal(usage?.prompt_tokens, 8);
    assert.equal(usage?.completion_tokens, 20);
  });

  test("echo with log-probabilities scores a text", async () => {
    const { choices } = await client.completions.create({ ...base, max_tokens: 0, echo: true, logprobs: 2 });
    const { text, logprobs } = choices[0];
    assert.equal(text, base.prompt);
    assert.equal(logprobs?.tokens?.join(""), base.prompt);
    assert.deepEqual(logprobs?.text_offset?.slice(0, 3), [0, 1, 2]);
    for (const [i, logprob] of (logprobs?.token_logprobs ?? []).entries()) {
      assert.ok(logprob !== null && logprob < 0, `token ${i}: ${logprob}`);
      assert.ok(Object.keys(logprobs?.top_logprobs?.[i] ?? {}).length >= 1);
    }
    const continued = await client.completions.create({ ...base, echo: true });
    const plain = await client.completions.create(base);
    assert.equal(continued.choices[0].text, base.prompt + plain.choices[0].text);
  });

  test("ids as a prompt, stop strings, greedy", async () => {
    const greedy = { ...base, temperature: 0, prompt: [65, 66, 67] };
    const { choices } = await client.completions.create(greedy);
    const stop = [...choices[0].text].slice(5, 7).join("");
    const stopped = await client.completions.create({ ...greedy, stop });
    assert.equal(stopped.choices[0].finish_reason, "stop");
    assert.equal(stopped.choices[0].text, choices[0].text.slice(0, choices[0].text.indexOf(stop)));
  });

  test("chat: whole and streamed, with log-probabilities", async () => {
    const body = { model: "tiny", messages: [...messages], max_tokens: 12, seed: 1, logprobs: true, top_logprobs: 2 };
    const whole = await client.chat.completions.create(body);
    assert.equal(whole.object, "chat.completion");
    assert.equal(whole.choices[0].message.role, "assistant");
    const { content } = whole.choices[0].logprobs ?? {};
    assert.equal(content?.length, whole.usage?.completion_tokens);
    assert.equal(content?.[0].top_logprobs.length, 2);
    let text = "";
    for await (const chunk of await client.chat.completions.create({ ...body, stream: true })) {
      text += chunk.choices[0]?.delta.content ?? "";
    }
    assert.equal(text, whole.choices[0].message.content);
    const parts = [{ type: "text", text: "Hel" } as const, { type: "text", text: "lo" } as const];
    const inParts = await client.chat.completions.create({ ...body, messages: [{ role: "user", content: parts }] });
    assert.equal(inParts.choices[0].message.content, text);
  });

  test("errors are the client's own classes and name the parameter", async () => {
    const rejects = async (promise: Promise<unknown>, type: new (...args: never[]) => Error, param: string | null) => {
      await assert.rejects(promise, (error: APIError) => {
        assert.ok(error instanceof type, String(error));
        assert.equal(error.param ?? null, param);
        return true;
      });
    };
    const create = (changes: object) => client.completions.create({ ...base, ...changes });
    await rejects(create({ model: "huge" }), OpenAI.NotFoundError, "model");
    await rejects(create({ temperature: -1 }), OpenAI.BadRequestError, "temperature");
    await rejects(create({ prompt: { text: "no" } }), OpenAI.BadRequestError, "prompt");
    await rejects(create({ max_tokens: 0 }), OpenAI.BadRequestError, "max_tokens");
    await rejects(create({ frequency_penalty: 1 }), OpenAI.BadRequestError, "frequency_penalty");
    await rejects(create({ prompt: "x".repeat(500) }), OpenAI.BadRequestError, null);
    await rejects(create({ prompt: "x".repeat(500), stream: true }), OpenAI.BadRequestError, null);
    const chat = (changes: object) =>
      client.chat.completions.create({ model: "tiny", messages: [...messages], ...changes });
    await rejects(chat({ messages: [] }), OpenAI.BadRequestError, "messages");
    await rejects(chat({ messages: [{ role: "pirate", content: "x" }] }), OpenAI.BadRequestError, "messages.0.role");
    await rejects(chat({ tools: [{ type: "function", function: { name: "f" } }] }), OpenAI.BadRequestError, "tools");
    const stranger = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: "guess", maxRetries: 0 });
    await rejects(stranger.models.list(), OpenAI.AuthenticationError, null);
    const post = (type: string, body: string) =>
      fetch(`${gateway.url}/v1/completions`, {
        method: "POST",
        headers: { Authorization: "Bearer key", "Content-Type": type },
        body,
      });
    assert.equal((await post("application/json", "{")).status, 400);
    assert.equal((await post("text/plain", JSON.stringify(base))).status, 415);
  });

  test("a client that leaves frees the engine", async () => {
    const stream = await client.completions.create({ ...base, max_tokens: 100, stream: true });
    for await (const _ of stream) break;
    const whole = new AbortController();
    const pending = client.completions.create({ ...base, max_tokens: 110, n: 8 }, { signal: whole.signal });
    setTimeout(() => whole.abort(), 5);
    await assert.rejects(pending);
    const deadline = Date.now() + 5000;
    while (engine.active > 0) {
      assert.ok(Date.now() < deadline, `${engine.active} requests still run`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  });
});

test("GET /v1/models answers within 20 ms while a long prompt is read", async () => {
  const config = { hiddenSize: 256, intermediateSize: 1024, maxPositionEmbeddings: 8192 };
  await using checkpoint = await tinyCheckpoint({ config });
  const engine = await startEngine({ checkpoint: checkpoint.directory });
  const gateway = await createGateway({ routes: openaiRoutes(engine), port: 0 });
  try {
    const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: "none", maxRetries: 0 });
    await client.models.list();
    let reading = true;
    const answer = client.completions.create({ model: "tiny", prompt: "word ".repeat(1600), max_tokens: 1 });
    void answer.finally(() => {
      reading = false;
    });
    const times: number[] = [];
    while (reading) {
      const start = performance.now();
      await (await fetch(`${gateway.url}/v1/models`)).json();
      times.push(performance.now() - start);
    }
    await answer;
    times.sort((a, b) => a - b);
    assert.ok(times.length >= 10, `only ${times.length} requests fitted: the prompt was too short to measure`);
    const p90 = times[Math.floor(times.length * 0.9)];
    assert.ok(p90 <= 20, `90% within ${p90.toFixed(1)} ms, the slowest ${times.at(-1)?.toFixed(1)} ms`);
  } finally {
    await gateway.close();
    await engine.close();
  }
});
