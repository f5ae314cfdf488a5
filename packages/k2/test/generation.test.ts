/** Continuous batching: whatever happens around a sequence, its text is that of the uncached forward pass. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  BlockPool,
  defaultSampling,
  type FinishReason,
  generate,
  type K2Model,
  logprobOf,
  PagedModel,
  type PagedModelOptions,
  type SamplingOptions,
  Scheduler,
  type SequenceRequest,
  sample,
  scoreTokens,
  type TokenLogprob,
  type TokenScore,
  topLogprobs,
} from "@baltoro/k2";
import { openDevice } from "@baltoro/tensor";
import fc from "fast-check";
import { makeModel, randomIds, uncachedLogits, variants } from "./generation-model.ts";

const device = await openDevice("wasm", { threads: 2 });
const model = makeModel(device);
after(() => device.close());

const sampling = (seed: number, options: Partial<SamplingOptions> = {}) => ({ ...defaultSampling, seed, ...options });
const request = (prompt: readonly number[], options: Partial<SequenceRequest> = {}): SequenceRequest => ({
  prompt,
  maxTokens: 12,
  sampling: sampling(1),
  stopIds: [],
  topLogprobs: 0,
  logprobs: false,
  ...options,
});
const pagedModel = (options: Partial<PagedModelOptions> = {}, given = model) =>
  new PagedModel(given, { blockSize: 4, blocks: 40, maxSequences: 4, ...options });

interface Run {
  readonly tokens: number[];
  readonly logprobs: (number | undefined)[];
  readonly tops: (readonly TokenLogprob[] | undefined)[];
  finish: FinishReason | null;
  scores: readonly TokenScore[];
  error: Error | null;
}

/** Adds a request and keeps what it tells; `until` ends it, as a stop string would. */
function start(
  scheduler: Scheduler,
  given: SequenceRequest,
  until: (tokens: readonly number[]) => boolean = () => false,
) {
  const run: Run & { id: number } = {
    tokens: [],
    logprobs: [],
    tops: [],
    finish: null,
    scores: [],
    error: null,
    id: 0,
  };
  run.id = scheduler.add(given, {
    onToken(token, logprob, top) {
      assert.equal(run.finish, null, "a token after the end");
      run.tokens.push(token);
      run.logprobs.push(logprob);
      run.tops.push(top);
      return until(run.tokens);
    },
    onFinish(reason, scores) {
      assert.equal(run.finish, null, "a second end");
      run.finish = reason;
      run.scores = scores;
    },
    onError(error) {
      run.error = error;
    },
  });
  return run;
}

/** Steps to the end; a scheduler that is neither done nor gets on is an error. */
async function drain(scheduler: Scheduler): Promise<void> {
  for (let steps = 0; await scheduler.step(); steps++) {
    scheduler.checkIntegrity();
    assert.ok(steps < 2000, "the scheduler does not come to an end");
  }
  assert.ok(scheduler.idle, "sequences are left that nothing will go on with");
}

/** What a request must give: every token drawn from the uncached forward pass over all tokens before it. */
async function expected(given: SequenceRequest, of: K2Model = model): Promise<number[]> {
  const tokens = [...given.prompt];
  for (let i = 0; i < given.maxTokens; i++) {
    const logits = await uncachedLogits(of, tokens);
    const token = sample(logits[logits.length - 1], given.sampling, tokens.length);
    if (given.stopIds.includes(token)) break;
    tokens.push(token);
  }
  return tokens.slice(given.prompt.length);
}

test("text equals that of the uncached forward, greedy and drawn, for every kind of attention", async () => {
  for (const [name, config] of Object.entries(variants)) {
    using given = makeModel(device, config, 3);
    using paged = pagedModel({}, given);
    for (const options of [{ temperature: 0 }, {}, { temperature: 0.7, topK: 10, topP: 0.9, minP: 0.01 }]) {
      const asked = request(randomIds(8, 9), { sampling: sampling(5, options) });
      const scheduler = new Scheduler(paged);
      const run = start(scheduler, asked);
      await drain(scheduler);
      assert.deepEqual(run.tokens, await expected(asked, given), name);
      assert.equal(run.finish, "length");
    }
  }
});

test("many sequences at once, more than fit, give each its own text", async () => {
  using paged = pagedModel({ maxSequences: 3, blocks: 60 });
  const scheduler = new Scheduler(paged);
  const asked = Array.from({ length: 8 }, (_, i) =>
    request(randomIds(20 + i, 1 + ((i * 5) % 17)), { maxTokens: 3 + ((i * 7) % 11), sampling: sampling(i) }),
  );
  const runs = [];
  for (const [i, one] of asked.entries()) {
    runs.push(start(scheduler, one));
    if (i % 3 === 0) await scheduler.step();
  }
  await drain(scheduler);
  for (const [i, { tokens }] of runs.entries()) assert.deepEqual(tokens, await expected(asked[i]), `sequence ${i}`);
});

test("the same seed at the same position draws the same token, whatever else is in the batch", async () => {
  const asked = request(randomIds(9, 5), { sampling: sampling(77) });
  using paged = pagedModel({ blocks: 60 });
  const texts = new Set<string>();
  for (const others of [0, 1, 3]) {
    const scheduler = new Scheduler(paged);
    for (let i = 0; i < others; i++) start(scheduler, request(randomIds(30 + i, 6 + i), { sampling: sampling(i) }));
    const run = start(scheduler, asked);
    await drain(scheduler);
    texts.add(run.tokens.join());
  }
  assert.equal(texts.size, 1);
  const [text] = texts;
  // Continued elsewhere from the middle, the text is the same.
  const tokens = text.split(",").map(Number);
  const scheduler = new Scheduler(paged);
  const rest = start(scheduler, { ...asked, prompt: [...asked.prompt, ...tokens.slice(0, 5)], maxTokens: 7 });
  const other = start(scheduler, { ...asked, sampling: sampling(78) });
  await drain(scheduler);
  assert.deepEqual(rest.tokens, tokens.slice(5));
  assert.notEqual(other.tokens.join(), text);
});

test("where the cache is full, the youngest is computed again later, with the same text", async () => {
  const asked = Array.from({ length: 4 }, (_, i) =>
    request(randomIds(40 + i, 5 + i), { maxTokens: 16, sampling: sampling(i) }),
  );
  const texts = await Promise.all(asked.map((one) => expected(one)));
  const rowsWith = async (blocks: number) => {
    using paged = pagedModel({ blocks });
    let rows = 0;
    const original = paged.run.bind(paged);
    paged.run = (batch, wanted) => {
      rows += batch.length;
      return original(batch, wanted);
    };
    const scheduler = new Scheduler(paged);
    const runs = asked.map((one) => start(scheduler, one));
    await drain(scheduler);
    for (const [i, run] of runs.entries()) {
      assert.deepEqual(run.tokens, texts[i], `${blocks} blocks, sequence ${i}`);
      assert.equal(run.finish, "length");
    }
    return rows;
  };
  const once = await rowsWith(40);
  assert.ok((await rowsWith(12)) > once, "nothing was computed twice");
  assert.ok((await rowsWith(8)) > once, "nothing was computed twice");
});

test("scores stay those of the prompt when a sequence was computed again", async () => {
  const asked = Array.from({ length: 3 }, (_, i) =>
    request(randomIds(50 + i, 7), { maxTokens: 14, sampling: sampling(i), score: true }),
  );
  using paged = pagedModel({ blocks: 9 });
  const scheduler = new Scheduler(paged);
  const runs = asked.map((one) => start(scheduler, one));
  await drain(scheduler);
  for (const [i, { scores }] of runs.entries()) {
    const logits = await uncachedLogits(model, [...asked[i].prompt]);
    const wanted = Array.from(asked[i].prompt.slice(1), (id, at) => logprobOf(logits[at], id));
    assert.equal(scores.length, wanted.length);
    for (const [at, value] of wanted.entries()) assert.ok(Math.abs(scores[at].logprob - value) < 1e-4);
  }
});

test("a sequence that fills the whole cache ends there, and none waits for ever", async () => {
  using paged = pagedModel({ blocks: 4 });
  const scheduler = new Scheduler(paged);
  const runs = [0, 1].map((i) => start(scheduler, request(randomIds(60 + i, 5), { maxTokens: 100 })));
  await drain(scheduler);
  for (const { tokens, finish } of runs) {
    assert.equal(finish, "length");
    assert.equal(tokens.length, 12 - 5);
  }
});

test("a sequence ends at the longest context", async () => {
  using paged = pagedModel({ maxContext: 10 });
  const scheduler = new Scheduler(paged);
  const run = start(scheduler, request(randomIds(1, 6), { maxTokens: 100 }));
  await drain(scheduler);
  assert.deepEqual([run.tokens.length, run.finish], [4, "length"]);
});

test("no tokens and no scores wanted: it ends at once", async () => {
  using paged = pagedModel();
  const scheduler = new Scheduler(paged);
  const runs = [1, 5].map((length) => start(scheduler, request(randomIds(1, length), { maxTokens: 0 })));
  await drain(scheduler);
  for (const { finish, tokens } of runs) assert.deepEqual([finish, tokens], ["length", []]);
});

test("a stop id ends the text and is not part of it; a listener ends it too", async () => {
  const asked = request(randomIds(12, 4), { maxTokens: 20 });
  const text = await expected(asked);
  const stop = text[6];
  const first = text.indexOf(stop);
  using paged = pagedModel();
  const scheduler = new Scheduler(paged);
  const run = start(scheduler, { ...asked, stopIds: [stop] });
  const cut = start(scheduler, asked, (tokens) => tokens.length === 3);
  await drain(scheduler);
  assert.deepEqual([run.tokens, run.finish], [text.slice(0, first), "stop"]);
  assert.deepEqual([cut.tokens, cut.finish], [text.slice(0, 3), "stop"]);
});

test("stop strings that are spread over tokens, and text that is handed on piece by piece", async () => {
  using paged = pagedModel();
  const decoder = { push: (id: number) => `${id},`, flush: () => "." };
  const asked = request(randomIds(13, 4), { maxTokens: 16, logprobs: true });
  const whole = await generate(paged, decoder, asked);
  assert.equal(whole.text, `${whole.ids.join(",")},.`);
  assert.equal(whole.logprobs.length, whole.ids.length);
  const stop = `${whole.text.slice(9, 9 + 7)}`;
  assert.ok(stop.split(",").length > 2, "the stop string is in one token");
  const pieces: string[] = [];
  const stopped = await generate(paged, decoder, { ...asked, stop: ["never", stop] }, (piece) => pieces.push(piece));
  assert.equal(stopped.text, whole.text.slice(0, whole.text.indexOf(stop)));
  assert.equal(pieces.join(""), stopped.text);
  assert.ok(pieces.length > 1 && pieces.every((piece) => piece.length > 0));
  assert.equal(stopped.finish, "stop");
});

test("log-probabilities of what was drawn, and the most likely tokens beside it", async () => {
  using paged = pagedModel();
  const scheduler = new Scheduler(paged);
  const asked = request(randomIds(14, 6), { maxTokens: 5, topLogprobs: 4 });
  const run = start(scheduler, asked);
  const silent = start(scheduler, { ...asked, topLogprobs: 0 });
  await drain(scheduler);
  const logits = await uncachedLogits(model, [...asked.prompt, ...run.tokens]);
  for (const [i, token] of run.tokens.entries()) {
    const row = logits[asked.prompt.length - 1 + i];
    assert.ok(Math.abs((run.logprobs[i] ?? Number.NaN) - logprobOf(row, token)) < 1e-4);
    const wanted = topLogprobs(row, 4);
    assert.deepEqual(
      run.tops[i]?.map(({ id }) => id),
      wanted.map(({ id }) => id),
    );
  }
  assert.deepEqual(silent.tokens, run.tokens);
  assert.ok(silent.logprobs.every((value) => value === undefined) && silent.tops.every((top) => top === undefined));
});

test("scores of given tokens are the log-softmax of the uncached forward, also over several batches", async () => {
  using long = makeModel(device, { ...model.config, maxPositionEmbeddings: 300 });
  using paged = pagedModel({ blocks: 80 }, long);
  for (const count of [2, 3, 17, 255, 256, 257, 300]) {
    const ids = randomIds(15, count);
    const logits = await uncachedLogits(long, ids);
    const scores = await scoreTokens(paged, ids);
    assert.equal(scores.length, count - 1);
    for (const [i, score] of scores.entries())
      assert.ok(Math.abs(score - logprobOf(logits[i], ids[i + 1])) < 1e-4, `${count} tokens: token ${i + 1}`);
  }
  for (const few of [[], [5]]) assert.deepEqual(await scoreTokens(paged, few), []);
});

test("running sequences go on under new weights as if they had always been there", async () => {
  using given = makeModel(device);
  using other = makeModel(device, given.config, 9);
  using paged = pagedModel({}, given);
  const scheduler = new Scheduler(paged);
  const asked = request(randomIds(16, 6), { maxTokens: 10 });
  const run = start(scheduler, asked);
  const second = start(scheduler, { ...asked, sampling: sampling(2) });
  for (let i = 0; i < 4; i++) await scheduler.step();
  const before = [...run.tokens];
  assert.equal(before.length, 4);
  const attention = given.weights.layers[1].attention;
  attention.kvB.write(await other.weights.layers[1].attention.kvB.read());
  attention.kvA.write(await other.weights.layers[1].attention.kvA.read());
  paged.refresh();
  scheduler.recompute();
  await drain(scheduler);
  assert.equal(second.tokens.length, 10);
  const rest = await expected({ ...asked, prompt: [...asked.prompt, ...before], maxTokens: 6 }, given);
  assert.deepEqual(run.tokens, [...before, ...rest]);
});

test("requests that cannot be served are refused, saying why", async () => {
  using paged = pagedModel({ blocks: 5 });
  using wide = pagedModel();
  const add = (prompt: readonly number[], on = paged, options: Partial<SequenceRequest> = {}) =>
    new Scheduler(on).add(request(prompt, options), { onToken: () => false, onFinish() {}, onError() {} });
  assert.throws(() => add([]), /the prompt is empty/);
  assert.throws(() => add(randomIds(1, 16)), /the prompt has 16 tokens, the model takes 15 at most/);
  assert.throws(() => add(randomIds(1, 48), wide), /the prompt has 48 tokens, the model takes 47 at most/);
  assert.throws(() => add(randomIds(1, 49), wide, { maxTokens: 0, score: true }), /49 tokens, the model takes 48/);
  assert.ok(add(randomIds(1, 15)) > 0 && add(randomIds(1, 47), wide) > 0);
  for (const id of [64, -1, 1.5, Number.NaN])
    assert.throws(() => add([3, id, 4]), /the prompt holds token .*, the vocabulary has ids 0 … 63/);
  const decoder = { push: String, flush: () => "" };
  await assert.rejects(generate(paged, decoder, request([])), /the prompt is empty/);
  await assert.rejects(scoreTokens(paged, [1, 99]), /token 99/);
});

test("broken weights end every sequence with an error, and the next one is not harmed", async () => {
  using given = makeModel(device);
  using paged = pagedModel({}, given);
  const good = await given.weights.norm.read();
  given.weights.norm.write(new Float32Array(good.length).fill(Number.NaN));
  const scheduler = new Scheduler(paged);
  const runs = [1, 2].map((seed) => start(scheduler, request(randomIds(17, 5), { sampling: sampling(seed) })));
  await drain(scheduler);
  for (const { error, finish } of runs) {
    assert.match(error?.message ?? "", /is NaN; the checkpoint is damaged/);
    assert.equal(finish, null);
  }
  await assert.rejects(scoreTokens(paged, randomIds(17, 5)), /is NaN/);
  given.weights.norm.write(Float32Array.from(good));
  const healthy = start(scheduler, request(randomIds(17, 5)));
  await drain(scheduler);
  assert.deepEqual(healthy.tokens, await expected(request(randomIds(17, 5)), given));
});

test("a listener that throws ends its own sequence only; a lost device ends all", async () => {
  using paged = pagedModel();
  const scheduler = new Scheduler(paged);
  const broken = start(scheduler, request(randomIds(18, 5)), () => {
    throw new Error("the socket is gone");
  });
  const other = start(scheduler, request(randomIds(18, 5)));
  await drain(scheduler);
  assert.match(broken.error?.message ?? "", /socket is gone/);
  assert.equal(other.tokens.length, 12);
  const waiting = [1, 2].map(() => start(scheduler, request(randomIds(18, 5))));
  scheduler.fail(new Error("no device"));
  assert.ok(scheduler.idle && waiting.every(({ error }) => error?.message === "no device"));
  scheduler.checkIntegrity();
});

test("any sequence of additions, cancellations and steps keeps the blocks whole and every text right", async () => {
  using paged = pagedModel({ blocks: 14, maxSequences: 3 });
  const prompts = [1, 5, 8, 14].map((length) => randomIds(70 + length, length));
  const texts = new Map<number, number[]>();
  const asked = (i: number) => request(prompts[i], { maxTokens: [9, 15, 3, 20][i], sampling: sampling(i) });
  for (const i of prompts.keys()) texts.set(i, await expected(asked(i)));
  const command = fc.oneof(
    fc.record({ kind: fc.constant("add" as const), which: fc.nat(3) }),
    fc.record({ kind: fc.constant("step" as const), which: fc.nat(3) }),
    fc.record({ kind: fc.constant("cancel" as const), which: fc.nat(6) }),
    fc.record({ kind: fc.constant("cancelDuringStep" as const), which: fc.nat(6) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 40 }), async (commands) => {
      const scheduler = new Scheduler(paged);
      const runs: { which: number; run: ReturnType<typeof start>; cancelled: boolean }[] = [];
      const cancel = (index: number) => {
        const entry = runs[index];
        if (!entry) return scheduler.cancel(9999);
        if (entry.run.finish === null) entry.cancelled = true;
        scheduler.cancel(entry.run.id);
        assert.notEqual(entry.run.finish, null);
      };
      for (const { kind, which } of commands) {
        if (kind === "add") runs.push({ which, run: start(scheduler, asked(which)), cancelled: false });
        else if (kind === "cancel") cancel(which);
        else {
          const step = scheduler.step();
          if (kind === "cancelDuringStep") cancel(which);
          await step;
        }
        scheduler.checkIntegrity();
      }
      await drain(scheduler);
      for (const { which, run, cancelled } of runs) {
        const text = texts.get(which) ?? [];
        assert.equal(run.finish, cancelled ? "cancelled" : "length");
        assert.deepEqual(run.tokens, cancelled ? text.slice(0, run.tokens.length) : text);
      }
    }),
    { numRuns: 40, seed: 1 },
  );
});

test("the pool notices blocks that are lost or held twice", () => {
  const pool = new BlockPool(6, 4);
  assert.deepEqual(
    [pool.total, pool.available, pool.blocksFor(0), pool.blocksFor(8), pool.blocksFor(9)],
    [5, 5, 0, 2, 3],
  );
  const [a, b]: number[][] = [[], []];
  assert.ok(pool.extend(a, 9) && pool.extend(b, 1) && pool.extend(a, 10));
  assert.deepEqual([a.length, b.length], [3, 1]);
  assert.ok(!pool.extend(b, 9), "there were not enough blocks");
  assert.equal(b.length, 1);
  pool.checkIntegrity([a, b]);
  assert.ok(![...a, ...b].includes(0), "block 0 was given out");
  assert.throws(() => pool.checkIntegrity([a]), /4 of 5|2 of 5|blocks accounted for/);
  assert.throws(() => pool.checkIntegrity([a, b, b]), /held twice/);
  pool.release(a);
  assert.deepEqual(a, []);
  pool.checkIntegrity([a, b]);
});
