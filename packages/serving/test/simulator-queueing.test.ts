import assert from "node:assert/strict";
import { test } from "node:test";
import { simulate } from "../src/simulator/index.ts";
import { type Random, seededRandom } from "../src/traces/random.ts";
import type { TraceRequest } from "../src/traces/types.ts";
import { plainCost, traceOf } from "./simulator-parts.ts";

const serviceMs = 1000;
const requests = 500_000;
const noBlocks = new Uint32Array();

/** Poisson arrivals at one prefill node that takes 1 ms per token; an output of one token asks for no decode. */
function* poisson(utilization: number, tokens: (random: Random) => number): Generator<TraceRequest> {
  const random = seededRandom(17);
  let arrivalMs = 0;
  for (let id = 0; id < requests; id++) {
    arrivalMs += (random.exponential() * serviceMs) / utilization;
    yield { id, arrivalMs, inputTokens: Math.max(1, Math.round(tokens(random))), outputTokens: 1, blocks: noBlocks };
  }
}

function meanWaitMs(utilization: number, tokens: (random: Random) => number): number {
  const { info } = traceOf([]);
  const trace = { info, requests: { [Symbol.iterator]: () => poisson(utilization, tokens) } };
  const config = { cluster: "1P1D", ttftLimitMs: 1e9, tbtLimitMs: 1e9, sampleMs: 1e7 };
  const { result } = simulate(trace, config, { cost: plainCost() });
  assert.equal(result.requests.completed, requests);
  return result.latencies.queueMs.mean ?? Number.NaN;
}

for (const utilization of [0.5, 0.7]) {
  test(`M/D/1 at ${utilization}: the mean wait is within 2% of ρ / (2 (1 − ρ)) services`, () => {
    const theory = (utilization / (2 * (1 - utilization))) * serviceMs;
    const wait = meanWaitMs(utilization, () => serviceMs);
    assert.ok(Math.abs(wait / theory - 1) < 0.02, `${wait} ms, theory ${theory} ms`);
  });

  test(`M/M/1 at ${utilization}: the mean wait is within 2% of ρ / (1 − ρ) services`, () => {
    const theory = (utilization / (1 - utilization)) * serviceMs;
    const wait = meanWaitMs(utilization, (random) => random.exponential() * serviceMs);
    assert.ok(Math.abs(wait / theory - 1) < 0.02, `${wait} ms, theory ${theory} ms`);
  });
}
