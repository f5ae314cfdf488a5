import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createSimulation, type SimulationInput, simulate } from "../src/simulator/index.ts";
import type { TraceRequest } from "../src/traces/types.ts";
import { plainCost, traceOf } from "./simulator-parts.ts";

const blockSize = 16;

/** Requests whose prompts are walks down a random tree: some share beginnings. */
const requests = fc
  .array(
    fc.record({
      gap: fc.integer({ min: 0, max: 400 }),
      path: fc.array(fc.nat(2), { minLength: 1, maxLength: 12 }),
      partial: fc.integer({ min: 1, max: blockSize }),
      output: fc.integer({ min: 1, max: 40 }),
    }),
    { minLength: 1, maxLength: 60 },
  )
  .map((list) => {
    const ids = new Map<string, number>();
    let arrivalMs = 0;
    const made = list.map(({ gap, path, partial, output }, id): TraceRequest => {
      arrivalMs += gap;
      const names = path.map((_, i) =>
        i === path.length - 1 ? `${path.slice(0, i + 1)}/${partial}` : `${path.slice(0, i + 1)}`,
      );
      const blocks = Uint32Array.from(names, (name) => ids.get(name) ?? ids.set(name, ids.size).size - 1);
      return { id, arrivalMs, inputTokens: (path.length - 1) * blockSize + partial, outputTokens: output, blocks };
    });
    return traceOf(made, blockSize, ids.size);
  });

const split = fc.record({
  cluster: fc.constantFrom("1P1D", "3P2D", "2P3D", "4P1D"),
  policy: fc.constantFrom("paper", "min", "random", "load-balancing", "local-cache-aware"),
  admission: fc.constantFrom("none", "baseline", "early", "predictive", "request-level"),
  eviction: fc.constantFrom("lru", "lfu", "length-aware"),
  layerwise: fc.boolean(),
  dramGiB: fc.constantFrom(0.0001, 0.0005, 1),
  ssdGiB: fc.constantFrom(0, 0.0005),
  eventDelayMs: fc.constantFrom(0, 5, 500),
  maxDecodeBatch: fc.constantFrom(1, 4, 64),
  roleSwitching: fc.boolean(),
  ttftLimitMs: fc.constantFrom(200, 5000),
  tbtLimitMs: fc.constantFrom(13, 20, 100),
  sampleMs: fc.constant(100),
});
const grouped = split.map((config) => ({
  ...config,
  cluster: "4P2D",
  prefillGroup: 2,
  prefillChunkTokens: 32,
  roleSwitching: false,
}));
const coupled = fc.record({
  cluster: fc.constantFrom("1M", "3M"),
  maxDecodeBatch: fc.constantFrom(2, 64),
  coupled: fc.record({
    prefixCaching: fc.boolean(),
    chunkedPrefill: fc.boolean(),
    chunkTokens: fc.constantFrom(8, 64),
    routing: fc.constantFrom("random", "load-balancing", "local-cache-aware"),
  }),
  sampleMs: fc.constant(100),
});
const configs = fc.oneof(split, grouped, coupled) as fc.Arbitrary<SimulationInput>;
/** KV for a few prompts only, slow links: everything contends. */
const cost = plainCost({ kvCapacityTokens: 600, networkBytesPerMs: 2000, ssdBytesPerMs: 500 });

test("work is conserved: every request ends once, every token is computed, found or refused", () => {
  fc.assert(
    fc.property(requests, configs, (trace, config) => {
      const { result } = simulate(trace, config, { cost, checked: true });
      const { total, completed, rejected, impossible, effective } = result.requests;
      assert.equal(total, [...trace.requests].length);
      assert.equal(completed + rejected + impossible, total);
      assert.equal(impossible, 0);
      assert.ok(effective <= completed);
      assert.equal(
        result.requests.rejections.reduce((sum, { count }) => sum + count, 0),
        rejected,
      );
      const { promptTokens, computedPrefillTokens, hitTokens, hitRatio } = result.cache;
      const hits = hitTokens.device + hitTokens.dram + hitTokens.ssd + hitTokens.remote;
      assert.equal(promptTokens, computedPrefillTokens + hits);
      if (rejected === 0) {
        assert.equal(
          promptTokens,
          [...trace.requests].reduce((sum, { inputTokens }) => sum + inputTokens, 0),
        );
        // What no cache without limits would find, none with limits finds; the last token of a prompt is always computed.
        assert.ok(hitRatio <= result.cache.infiniteHitRatio + 1e-9, `${hitRatio} > ${result.cache.infiniteHitRatio}`);
      }
      assert.equal(
        result.nodes.reduce((sum, { hitTokens: found }) => sum + found, 0),
        hits,
      );
      assert.equal(result.series.completions.reduce((a, b) => a + b, 0) <= completed, true);
      for (const node of result.nodes) assert.ok(node.prefillUtilization <= 1 && node.decodeUtilization <= 1);
      assert.ok(result.transfers.maxLinkUtilization <= 1 + 1e-9);
      const { storedBlocks, evictedBlocks } = result.cache;
      const held = result.nodes.reduce((sum, { blocksAtEnd }) => sum + blocksAtEnd, 0);
      // A block on SSD has been stored in DRAM once; it may go up and down, but is held once.
      if (config.ssdGiB === 0 || config.ssdGiB === undefined) {
        assert.equal(held, storedBlocks - evictedBlocks.dram - evictedBlocks.device);
      }
    }),
    { numRuns: 400 },
  );
});

test("the same seed gives the same result to the byte, however the run is cut into pieces", () => {
  fc.assert(
    fc.property(requests, configs, fc.integer({ min: 1, max: 50 }), (trace, config, piece) => {
      const whole = simulate(trace, config, { cost, wallClock: () => 0 }).result;
      const pieces = createSimulation(trace, config, { cost });
      while (pieces.run(piece)) assert.ok(pieces.progress().finished <= pieces.progress().arrived);
      assert.equal(JSON.stringify(pieces.result()), JSON.stringify(whole));
    }),
  );
});

test("a request that no decode node can hold is counted as impossible, not served and not lost", () => {
  const blocks = new Uint32Array();
  const trace = traceOf([
    { id: 0, arrivalMs: 0, inputTokens: 590, outputTokens: 20, blocks },
    { id: 1, arrivalMs: 0, inputTokens: 10, outputTokens: 2, blocks },
  ]);
  for (const cluster of ["1P1D", "1M"]) {
    const { requests: counts } = simulate(trace, { cluster }, { cost }).result;
    assert.deepEqual([counts.impossible, counts.completed], [1, 1]);
  }
});

test("bad requests are refused with their number, field and limit", () => {
  const good: TraceRequest = { id: 7, arrivalMs: 5, inputTokens: 10, outputTokens: 2, blocks: new Uint32Array() };
  const run = (...list: TraceRequest[]) => simulate(traceOf(list), { cluster: "1P1D" }, { cost });
  assert.throws(() => run({ ...good, inputTokens: -1 }), /request 7 .*inputTokens is -1, expected an integer ≥ 1/);
  assert.throws(() => run({ ...good, outputTokens: 0 }), /request 7 .*outputTokens is 0/);
  assert.throws(() => run(good, { ...good, id: 8, arrivalMs: 4 }), /request 8 .*arrivalMs is 4, expected at least 5/);
  assert.throws(() => run({ ...good, blocks: new Uint32Array(2) }), /request 7 .*blocks is 2, expected at most 1/);
});

test("decode stands still for a prompt without chunked prefill, and goes on with it", () => {
  const blocks = new Uint32Array();
  const trace = traceOf([
    { id: 0, arrivalMs: 0, inputTokens: 10, outputTokens: 100, blocks },
    { id: 1, arrivalMs: 100, inputTokens: 400, outputTokens: 2, blocks },
  ]);
  const tbt = (chunkedPrefill: boolean) =>
    simulate(trace, { cluster: "1M", coupled: { chunkedPrefill, chunkTokens: 21 } }, { cost }).result.latencies.itlMs
      .max ?? 0;
  // A whole prompt takes 400 ms; a piece of 20 tokens 20 ms beside a step of 11.
  assert.ok(tbt(false) > 400 && tbt(false) < 425, `${tbt(false)} ms`);
  assert.ok(tbt(true) > 30 && tbt(true) < 33, `${tbt(true)} ms`);
});
