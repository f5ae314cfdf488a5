/** The generator, what changes a trace, and the fit. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import {
  checkParameters,
  fitTrace,
  generateTrace,
  jitter,
  lognormal,
  parameterPresets,
  quantileAt,
  quantileMean,
  quantileShares,
  quantilesOf,
  readTrace,
  seededRandom,
  speedUp,
  type Trace,
  TraceError,
  type TraceParameters,
  traceStatistics,
  truncate,
} from "../src/traces/index.ts";

const data = process.env["BALTORO_DATA"] ?? join(import.meta.dirname, "../../../../shared/data");
const conversation = join(data, "traces/conversation_trace.jsonl");

const { chat, agent, documents } = parameterPresets;
const small = (parameters: TraceParameters, requests: number): TraceParameters => ({ ...parameters, requests });
const plain = ({ requests }: Trace) => Array.from(requests, (request) => ({ ...request, blocks: [...request.blocks] }));

test("the same seed gives the same requests, at every walk; another gives others", () => {
  const trace = generateTrace(small(chat, 300), 7);
  assert.deepEqual(plain(trace), plain(trace));
  assert.deepEqual(plain(trace), plain(generateTrace(small(chat, 300), 7)));
  assert.notDeepEqual(plain(trace), plain(generateTrace(small(chat, 300), 8)));
  assert.notEqual(trace.info.sha256, generateTrace(small(chat, 300), 8).info.sha256);
});

/** Parameters of every shape, small. */
const anyParameters: fc.Arbitrary<TraceParameters> = fc.record({
  requests: fc.integer({ min: 1, max: 200 }),
  blockSize: fc.constantFrom(1, 16, 512),
  arrivals: fc.record({
    perSecond: fc.constantFrom(0.01, 3, 500),
    dispersion: fc.constantFrom(0, 0.5, 1, 8),
    profile: fc.constantFrom([1], [0, 1, 2], [1, 0]),
    binMs: fc.constantFrom(0, 3000),
  }),
  firstPrompt: fc.constantFrom([1], [3000], lognormal(700, 1)),
  output: fc.constantFrom([1], lognormal(30, 1)),
  longestPrompt: fc.constantFrom(100, 100_000),
  sessions: fc.record({
    a: fc.constantFrom(0, 1.5, 50),
    b: fc.constantFrom(0.5, 3),
    gapMs: fc.constantFrom([0], lognormal(5000, 1)),
    added: fc.constantFrom([-2000], [0], lognormal(200, 2)),
    byLength: fc.constantFrom([1, 1, 1, 1, 1], [0, 0, 1, 2, 3]),
    cut: fc.constantFrom(0, 0.5, 1),
    kept: fc.constantFrom([1], [0], [0.5]),
    addedAfterCut: fc.constantFrom([-5000], [0]),
  }),
  shared: fc.record({
    rootBlocks: fc.constantFrom(0, 1, 5),
    share: fc.constantFrom(0, 0.5, 1),
    prefixes: fc.constantFrom(1, 20),
    zipf: fc.constantFrom(0, 1.2),
    trunks: fc.constant([2, 4]),
    trunkShares: fc.constantFrom([0, 0], [0.5, 0.2], [0.5, 0.5]),
    leadingBlocks: fc.constant([3, 0]),
    leadingTrunks: fc.constantFrom([-1, -1], [1, 0]),
    blocks: fc.constantFrom([0], [2]),
    ownPrompt: fc.constantFrom([1], [400]),
  }),
});

test("whatever the parameters: times in order, a block for each part of the prompt, ids that name one prefix", () => {
  fc.assert(
    fc.property(anyParameters, fc.nat(), (parameters, seed) => {
      checkParameters(parameters);
      const { info, requests } = generateTrace(parameters, seed);
      const parents = new Map<number, number>();
      let [count, last] = [0, 0];
      for (const { id, arrivalMs, inputTokens, outputTokens, blocks } of requests) {
        assert.equal(id, count++);
        assert.ok(arrivalMs >= last, "time goes on");
        last = arrivalMs;
        assert.ok(Number.isInteger(inputTokens) && inputTokens >= 1 && inputTokens <= parameters.longestPrompt);
        assert.ok(Number.isInteger(outputTokens) && outputTokens >= 1);
        assert.equal(blocks.length, Math.ceil(inputTokens / parameters.blockSize));
        for (const [i, block] of blocks.entries()) {
          const parent = i === 0 ? -1 : blocks[i - 1];
          assert.equal(parents.get(block) ?? parent, parent, "a block follows one prefix only");
          parents.set(block, parent);
          assert.ok(block < info.blockIds);
        }
      }
      assert.equal(count, parameters.requests);
      assert.equal(info.spanMs, last);
    }),
    { numRuns: 100 },
  );
});

test("rate, lengths and dispersion are what was asked for", () => {
  for (const dispersion of [0, 0.5, 1, 4]) {
    const arrivals = { perSecond: 20, dispersion, profile: [1], binMs: 0 };
    const statistics = traceStatistics(generateTrace({ ...small(chat, 20_000), arrivals }, 3));
    assert.ok(Math.abs(statistics.perSecond / 20 - 1) < 0.06, `rate ${statistics.perSecond}`);
    // The counts of windows of 30 requests: the correlation between windows shortens it a little.
    assert.ok(
      Math.abs(statistics.dispersion - dispersion) < 0.06 + 0.15 * dispersion,
      `${statistics.dispersion} for ${dispersion}`,
    );
    assert.ok(Math.abs(statistics.output.mean / quantileMean(chat.output) - 1) < 0.03);
  }
});

test("a profile moves requests, and leaves their number", () => {
  const arrivals = { perSecond: 10, dispersion: 1, profile: [1, 3], binMs: 0 };
  const trace = generateTrace({ ...small(chat, 8000), arrivals }, 1);
  const early = plain(trace).filter(({ arrivalMs }) => arrivalMs < 400_000).length;
  assert.ok(Math.abs(early / 8000 - 0.25) < 0.02, `${early} in the first half`);
});

test("bins hold their requests together", () => {
  const arrivals = { perSecond: 10, dispersion: 1, profile: [1], binMs: 3000 };
  for (const { arrivalMs } of generateTrace({ ...small(chat, 500), arrivals }).requests)
    assert.equal(arrivalMs % 3000, 0);
});

test("parameters out of range are named with what they may be", () => {
  for (const [change, message] of [
    [{ requests: 0 }, /requests is 0, expected a whole number from 1/],
    [{ blockSize: 1.5 }, /blockSize is 1.5/],
    [{ arrivals: { ...chat.arrivals, perSecond: -1 } }, /arrivals\.perSecond is -1, expected a number from/],
    [{ arrivals: { ...chat.arrivals, profile: [0, 0] } }, /arrivals\.profile is \[0,0\]/],
    [{ arrivals: undefined }, /arrivals\.perSecond is missing/],
    [{ firstPrompt: [0] }, /firstPrompt is \[0\], expected \[one number\] or 16 rising quantiles/],
    [{ output: [5, 4] }, /output is \[5,4\]/],
    [{ shared: { ...chat.shared, share: 0.5 } }, /shared\.share is above 0, but shared\.prefixes is 0/],
    [{ shared: { ...chat.shared, leadingBlocks: [-1] } }, /shared\.leadingBlocks is \[-1\]/],
    [{ shared: { ...chat.shared, trunks: [3] } }, /shared\.trunkShares is \[\], expected 1 shares/],
    [
      { shared: { ...chat.shared, leadingBlocks: [3], leadingTrunks: [0] } },
      /shared\.leadingTrunks is \[0\], expected 1 indices of trunks, or −1/,
    ],
    [{ sessions: { ...chat.sessions, b: 0 } }, /sessions\.b is 0/],
  ] as const) {
    assert.throws(
      () => generateTrace({ ...chat, ...change } as TraceParameters),
      (error) => error instanceof TraceError && message.test(error.message),
      String(message),
    );
  }
  assert.throws(() => checkParameters(null), TraceError);
  assert.throws(() => generateTrace(chat, -1), /seed is -1/);
});

test("quantiles: what is drawn from them has them", () => {
  const random = seededRandom(5);
  const values = Array.from({ length: 50_000 }, () => Math.exp(6 + random.normal()));
  const quantiles = quantilesOf(values);
  const again = quantilesOf(Array.from({ length: 50_000 }, () => quantileAt(quantiles, random.uniform())));
  for (let i = 2; i < quantileShares.length - 2; i++)
    assert.ok(Math.abs(again[i] / quantiles[i] - 1) < 0.08, `${quantileShares[i]}: ${again[i]} for ${quantiles[i]}`);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  assert.ok(Math.abs(quantileMean(quantiles) / mean - 1) < 0.02);
  assert.equal(quantileAt([7], 0.3), 7);
  assert.deepEqual(quantilesOf([]), [0]);
});

test("the generator's numbers have the moments of their distributions", () => {
  const random = seededRandom(11);
  const moments = (draw: () => number) => {
    const values = Array.from({ length: 100_000 }, draw);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return [mean, values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length];
  };
  for (const [name, draw, mean, variance] of [
    ["uniform", random.uniform, 1 / 2, 1 / 12],
    ["exponential", random.exponential, 1, 1],
    ["normal", random.normal, 0, 1],
    ["gamma 0.3", () => random.gamma(0.3), 0.3, 0.3],
    ["gamma 5", () => random.gamma(5), 5, 5],
  ] as const) {
    const [m, v] = moments(draw);
    assert.ok(
      Math.abs(m - mean) < 0.02 + 0.01 * mean && Math.abs(v - variance) < 0.05 * (1 + variance),
      `${name}: ${m}, ${v}`,
    );
  }
  assert.throws(() => seededRandom(0.5), /seed is 0.5/);
});

test("speed, truncation and jitter change arrivals and nothing else, and say so", () => {
  const trace = generateTrace({ ...small(chat, 400), arrivals: { ...chat.arrivals, binMs: 3000 } }, 2);
  const before = plain(trace);
  const fast = plain(speedUp(trace, 4));
  assert.deepEqual(
    fast.map(({ arrivalMs }) => arrivalMs * 4),
    before.map(({ arrivalMs }) => arrivalMs),
  );
  assert.deepEqual(speedUp(trace, 4).info.changes, ["speed 4"]);
  assert.equal(speedUp(trace, 4).info.spanMs, trace.info.spanMs / 4);
  assert.throws(() => speedUp(trace, 0), /speed is 0, expected a number above 0/);

  const first = truncate(trace, { requests: 10 });
  assert.deepEqual(plain(first), before.slice(0, 10));
  assert.deepEqual(first.info.changes, ["first 10 requests"]);
  const until = before[200].arrivalMs;
  assert.ok(plain(truncate(trace, { untilMs: until })).every(({ arrivalMs }) => arrivalMs < until));
  assert.equal(truncate(trace, { requests: 400 }), trace);
  assert.throws(() => truncate(trace, { untilMs: 0 }), /nothing of the trace is left/);

  const moved = jitter(trace, 3000, 9);
  const after = plain(moved);
  assert.deepEqual(after, plain(jitter(trace, 3000, 9)), "seeded");
  assert.notDeepEqual(after, plain(jitter(trace, 3000, 10)));
  const bin = (at: number) => Math.floor(at / 3000);
  const perBin = (requests: typeof before) => {
    const counts = new Map<number, number>();
    for (const { arrivalMs } of requests) counts.set(bin(arrivalMs), (counts.get(bin(arrivalMs)) ?? 0) + 1);
    return [...counts];
  };
  assert.deepEqual(perBin(after), perBin(before), "each stays in its bin");
  assert.ok(new Set(after.map(({ arrivalMs }) => arrivalMs)).size > 395);
  assert.ok(after.every(({ arrivalMs, id }, i) => id === i && (i === 0 || arrivalMs >= after[i - 1].arrivalMs)));
  assert.throws(() => jitter(trace, -1), /jitter is -1 ms/);
});

test("a request's jitter does not depend on who else is there", () => {
  const trace = generateTrace(small(chat, 100), 2);
  const offsets = (part: Trace) => {
    const lengths = new Map(plain(part).map((request) => [request.blocks.join(), request.arrivalMs]));
    return (request: { blocks: number[]; arrivalMs: number }) =>
      (lengths.get(request.blocks.join()) ?? 0) - request.arrivalMs;
  };
  const [all, half] = [offsets(jitter(trace, 3000)), offsets(jitter(truncate(trace, { requests: 50 }), 3000))];
  for (const request of plain(truncate(trace, { requests: 50 }))) assert.equal(all(request), half(request));
});

test("LRU by stack distance agrees with a cache that is simulated", () => {
  const trace = generateTrace(small(chat, 400), 5);
  const { lruHitRatio, infiniteHitRatio } = traceStatistics(trace);
  for (const { blocks: capacity, hitRatio } of lruHitRatio) {
    const cache = new Set<number>();
    let [hits, all] = [0, 0];
    for (const { blocks } of trace.requests) {
      let hit = 0;
      while (hit < blocks.length && cache.has(blocks[hit])) hit++;
      hits += hit;
      all += blocks.length;
      // From the end: the beginning is used last.
      for (const block of blocks.toReversed()) {
        cache.delete(block);
        cache.add(block);
        if (cache.size > capacity) cache.delete(cache.values().next().value as number);
      }
    }
    assert.ok(Math.abs(hits / all - hitRatio) < 0.01, `${capacity}: ${hits / all} simulated, ${hitRatio} by distance`);
    assert.ok(hitRatio <= infiniteHitRatio + 1e-9);
  }
});

test("a fit finds the parameters that made a trace", () => {
  const arrivals = { perSecond: 8, dispersion: 3, profile: [1], binMs: 0 };
  const { parameters, comparison } = fitTrace(generateTrace({ ...small(chat, 12_000), arrivals }, 4));
  assert.ok(Math.abs(parameters.arrivals.perSecond / 8 - 1) < 0.05);
  assert.ok(Math.abs(parameters.arrivals.dispersion / 3 - 1) < 0.2);
  assert.equal(parameters.shared.rootBlocks, 1);
  const mean = (a: number, b: number) => a / (a + b);
  const [{ a, b }, own] = [parameters.sessions, chat.sessions];
  assert.ok(Math.abs(mean(a, b) - mean(own.a, own.b)) < 0.03, `sessions go on with ${mean(a, b)}`);
  // Long gaps are seen less: the log ends before.
  const gap = quantileAt(parameters.sessions.gapMs, 0.5) / quantileAt(own.gapMs, 0.5);
  assert.ok(gap > 0.8 && gap < 1.05, `${gap} of the median gap`);
  for (const { name, log, generated } of comparison)
    assert.ok(Math.abs(generated / log - 1) < (name.includes("p99") ? 0.3 : 0.15), `${name}: ${generated} for ${log}`);
});

test("fits of other kinds of logs reproduce rate, lengths and the hit ratio of an infinite cache", () => {
  for (const parameters of [agent, documents]) {
    const { comparison } = fitTrace(generateTrace(small(parameters, 6000), 2));
    for (const [name, tolerance] of [
      ["requests per second", 0.05],
      ["input tokens, mean", 0.1],
      ["output tokens, mean", 0.05],
      ["infinite-cache hit ratio", 0.05],
    ] as const) {
      const row = comparison.find((one) => one.name === name);
      assert.ok(row && Math.abs(row.generated / row.log - 1) < tolerance, JSON.stringify(row));
    }
  }
});

test("prefixes that stand on a common trunk are told apart: tools, and documents behind them", () => {
  const random = seededRandom(3);
  let next = 0;
  const fresh = (length: number) => Array.from({ length }, () => next++);
  const tools = Array.from({ length: 5 }, () => ({
    own: fresh(10),
    documents: Array.from({ length: 20 }, () => fresh(10)),
  }));
  let arrivalMs = 0;
  const requests = Array.from({ length: 8000 }, (_, id) => {
    arrivalMs += 200 * random.exponential();
    const tool = tools[Math.floor(5 * random.uniform() ** 2)];
    const document = random.uniform() < 0.33 ? [] : tool.documents[Math.floor(20 * random.uniform() ** 2)];
    const blocks = Uint32Array.from([...tool.own, ...document, ...fresh(1 + Math.floor(4 * random.uniform()))]);
    return { id, arrivalMs, inputTokens: blocks.length * 512 - 100, outputTokens: 50, blocks };
  });
  const { info } = generateTrace(small(chat, 10));
  const trace = { info: { ...info, requests: 8000, spanMs: arrivalMs, blockIds: next }, requests };
  const { parameters, comparison } = fitTrace(trace);
  assert.deepEqual(parameters.shared.trunks, [10, 10, 10, 10, 10]);
  for (const { name, log, generated } of comparison.filter(({ name }) => name.includes("hit ratio")))
    assert.ok(Math.abs(generated / log - 1) < 0.05, `${name}: ${generated} for ${log}`);
});

test("a fit needs requests and time", () => {
  assert.throws(() => fitTrace(generateTrace(small(chat, 20))), /holds 20 requests, a fit needs 50 at least/);
  const arrivals = { ...chat.arrivals, binMs: 3_600_000 };
  assert.throws(() => fitTrace(generateTrace({ ...small(chat, 60), arrivals })), /at the same time/);
});

test("the public conversation trace: statistics as known, and a fit that reproduces them", {
  skip: existsSync(conversation) ? false : `no data at ${data}`,
}, async () => {
  const trace = await readTrace(conversation);
  assert.deepEqual([trace.info.requests, trace.info.spanMs, trace.info.blockIds], [12_031, 3_536_999, 182_790]);
  const { log, comparison, parameters } = fitTrace(trace);
  assert.equal(log.blocks, 288_500);
  assert.ok(Math.abs(log.infiniteHitRatio - 0.3664) < 1e-4);
  assert.ok(Math.abs(log.infiniteHitRatioTokens - 0.3736) < 1e-4);
  assert.equal(parameters.arrivals.binMs, 3000);
  for (const { name, log: real, generated } of comparison) {
    const tolerance = name === "infinite-cache hit ratio" ? 0.02 : 0.15;
    assert.ok(Math.abs(generated / real - 1) < tolerance, `${name}: ${generated} for ${real}`);
  }
});
