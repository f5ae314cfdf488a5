import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Engine, EngineBusy, EngineError, type EngineRequest, startEngine } from "../src/index.ts";
import { type TinyCheckpoint, tinyCheckpoint } from "./tiny-checkpoint.ts";

const greedy = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0 };

function request(text: string, options: Partial<EngineRequest> = {}): EngineRequest {
  return { prompt: { kind: "text", text }, maxTokens: 24, sampling: greedy, stop: [], ...options };
}

async function textOf(engine: Engine, wanted: EngineRequest): Promise<string> {
  let text = "";
  for await (const event of engine.submit(wanted)) if (event.kind !== "started") text += event.text;
  return text;
}

describe("engine", () => {
  let checkpoint: TinyCheckpoint;
  let other: TinyCheckpoint;
  let engine: Engine;
  before(async () => {
    checkpoint = await tinyCheckpoint();
    other = await tinyCheckpoint({ seed: 2 });
    engine = await startEngine({ checkpoint: checkpoint.directory, threads: 1, maxSequences: 4, maxRequests: 12 });
  });
  after(async () => {
    await engine.close();
    await checkpoint[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
  });

  test("says what it serves", () => {
    assert.equal(engine.model.id, "tiny");
    assert.equal(engine.model.context, 128);
    assert.ok(engine.model.activeParameters < engine.model.parameters);
  });

  test("a text does not depend on what runs beside it", async () => {
    const sampled = (i: number) => request(`text ${i}`, { sampling: { ...greedy, temperature: 1, seed: i } });
    const alone: string[] = [];
    for (let i = 0; i < 10; i++) alone.push(await textOf(engine, sampled(i)));
    const together = await Promise.all(Array.from({ length: 10 }, (_, i) => textOf(engine, sampled(i))));
    assert.deepEqual(together, alone);
    assert.equal(new Set(alone).size, 10);
  });

  test("scores agree with the log-probabilities of generated tokens", async () => {
    const ids: number[] = [];
    const logprobs: number[] = [];
    const prompt = { kind: "ids", ids: [65, 66, 67] } as const;
    for await (const event of engine.submit({ ...request(""), prompt, logprobs: 3 })) {
      if (event.kind !== "token" || !event.token) continue;
      ids.push(event.token.id);
      logprobs.push(event.token.logprob);
      assert.equal(event.token.top.length, 3);
      assert.equal(event.token.top[0].id, event.token.id, "greedy takes the most likely token");
    }
    const scores = await engine.score({ kind: "ids", ids: [...prompt.ids, ...ids] }, { top: 2 });
    assert.equal(scores[0].logprob, null);
    for (const [i, logprob] of logprobs.entries()) {
      const score = scores[prompt.ids.length + i];
      assert.ok(Math.abs((score.logprob as number) - logprob) < 1e-3, `${score.logprob} and ${logprob}`);
      assert.equal(score.top.length, 2);
    }
    assert.deepEqual(
      (await engine.score({ kind: "ids", ids: [7] })).map(({ logprob }) => logprob),
      [null],
    );
  });

  test("leaving the loop cancels the request", async () => {
    for await (const event of engine.submit(request("once", { maxTokens: 100 }))) if (event.kind === "token") break;
    assert.equal(engine.active, 0);
    const abort = new AbortController();
    let tokens = 0;
    for await (const event of engine.submit(request("twice", { maxTokens: 100 }), abort.signal)) {
      if (event.kind === "token" && ++tokens === 2) abort.abort();
      if (event.kind === "finished") assert.equal(event.reason, "cancelled");
    }
    assert.ok(tokens < 50, `${tokens} tokens came after the signal`);
  });

  test("new weights take over between steps, ill-fitting ones do not", async () => {
    const before = await textOf(engine, request("weights"));
    const elsewhere = await startEngine({ checkpoint: other.directory, threads: 1 });
    const expected = await textOf(elsewhere, request("weights"));
    await elsewhere.close();
    assert.notEqual(before, expected);
    const running = textOf(engine, request("under way", { maxTokens: 60 }));
    await engine.setWeights(other.directory);
    assert.equal(await textOf(engine, request("weights")), expected);
    assert.ok((await running).length > 0);
    await using wide = await tinyCheckpoint({ config: { intermediateSize: 96 } });
    await assert.rejects(engine.setWeights(wide.directory), /has shape .* config\.json asks for/);
    assert.equal(await textOf(engine, request("weights")), expected);
    await engine.setWeights(checkpoint.directory);
    assert.equal(await textOf(engine, request("weights")), before);
  });

  test("stop strings end a text and are not part of it", async () => {
    const whole = await textOf(engine, request("stop here"));
    const characters = [...whole];
    const stop = characters.slice(8, 10).join("");
    const cut = await textOf(engine, request("stop here", { stop: [stop] }));
    assert.equal(cut, whole.slice(0, whole.indexOf(stop)));
  });

  test("refuses what it cannot do, saying why", async () => {
    await assert.rejects(textOf(engine, request("x".repeat(200))), (error: EngineError) => {
      assert.equal(error.kind, "invalid");
      assert.match(error.message, /201 tokens, the model takes 127/);
      return true;
    });
    await assert.rejects(textOf(engine, { ...request(""), prompt: { kind: "ids", ids: [9999] } }), /token 9999/);
    const many = Array.from({ length: 13 }, (_, i) => textOf(engine, request(`many ${i}`)));
    const results = await Promise.allSettled(many);
    const busy = results.filter((result) => result.status === "rejected" && result.reason instanceof EngineBusy);
    assert.equal(busy.length, 1);
  });
});

describe("engine that cannot start or go on", () => {
  test("a missing checkpoint, a damaged one", async () => {
    await assert.rejects(startEngine({ checkpoint: "/nowhere/at/all" }), /nowhere/);
    const directory = await mkdtemp(join(tmpdir(), "baltoro-serving-"));
    await writeFile(join(directory, "baltoro.json"), "{");
    await assert.rejects(startEngine({ checkpoint: directory }), /baltoro\.json is not JSON/);
    await rm(directory, { recursive: true });
  });

  test("requests after closing fail", async () => {
    await using checkpoint = await tinyCheckpoint();
    const engine = await startEngine({ checkpoint: checkpoint.directory, threads: 1 });
    const running = textOf(engine, request("under way", { maxTokens: 120 }));
    const failed = assert.rejects(running, EngineError);
    await engine.close();
    await failed;
    assert.equal(await engine.closed, undefined);
    await assert.rejects(textOf(engine, request("late")), /closed/);
  });
});
