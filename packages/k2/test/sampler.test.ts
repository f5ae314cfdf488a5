/** Sampling against a plain reference that forms the whole distribution. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultSampling, logprobOf, type SamplingOptions, sample, topLogprobs } from "@baltoro/k2";
import { normal } from "@baltoro/tensor";
import fc from "fast-check";

/** Probability of each token: softmax at the temperature, then top-k, min-p and top-p one after the other. */
function distribution(logits: Float32Array, { temperature, topK, topP, minP }: SamplingOptions): number[] {
  const order = Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a] || a - b);
  if (temperature === 0) return Array.from(logits, (_, id) => (id === order[0] ? 1 : 0));
  const max = logits[order[0]];
  const softmax = (ids: readonly number[]) => {
    const weights = ids.map((id) => Math.exp((logits[id] - max) / temperature));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => weight / total);
  };
  let kept = topK > 0 ? order.slice(0, topK) : order;
  if (minP > 0) {
    const probabilities = softmax(kept);
    kept = kept.filter((_, i) => probabilities[i] >= minP * probabilities[0]);
  }
  if (topP < 1) {
    const probabilities = softmax(kept);
    let sum = 0;
    kept = kept.filter((_, i) => {
      const before = sum;
      sum += probabilities[i];
      return i === 0 || before < topP;
    });
  }
  const probabilities = softmax(kept);
  const result = new Array<number>(logits.length).fill(0);
  for (const [i, id] of kept.entries()) result[id] = probabilities[i];
  return result;
}

const logits = normal(1, 0, 40, 2);
const variants: Readonly<Record<string, Partial<SamplingOptions>>> = {
  "temperature 1": {},
  "temperature 0.6": { temperature: 0.6 },
  "temperature 3": { temperature: 3 },
  "top-k 5": { topK: 5 },
  "top-k beyond the vocabulary": { topK: 1000 },
  "top-p 0.8": { topP: 0.8 },
  "min-p 0.1": { minP: 0.1 },
  "all together": { temperature: 0.8, topK: 20, topP: 0.9, minP: 0.05 },
};

for (const [name, options] of Object.entries(variants)) {
  test(`${name}: 20,000 draws follow the reference's distribution`, () => {
    const given = { ...defaultSampling, ...options, seed: 7 };
    const expected = distribution(logits, given);
    const counts = new Array<number>(logits.length).fill(0);
    const draws = 20_000;
    for (let position = 0; position < draws; position++) counts[sample(logits, given, position)]++;
    for (const [id, count] of counts.entries())
      if (expected[id] === 0) assert.equal(count, 0, `token ${id} was cut off`);
    // Cells with few expected draws are put together, as the test asks for.
    let [statistic, cells, restCount, restExpected] = [0, 0, 0, 0];
    const add = (count: number, mean: number) => {
      statistic += (count - mean) ** 2 / mean;
      cells++;
    };
    for (const [id, count] of counts.entries()) {
      const mean = expected[id] * draws;
      if (mean >= 10) add(count, mean);
      else {
        restCount += count;
        restExpected += mean;
      }
    }
    if (restExpected > 0) add(restCount, Math.max(restExpected, 1));
    const degrees = Math.max(cells - 1, 1);
    // Beyond it with probability 10⁻⁴ (Wilson–Hilferty).
    const bound = degrees * (1 - 2 / (9 * degrees) + 3.72 * Math.sqrt(2 / (9 * degrees))) ** 3;
    assert.ok(statistic < bound, `χ² is ${statistic} with ${degrees} degrees of freedom, bound ${bound}`);
  });
}

test("the χ² test would notice another temperature", () => {
  const expected = distribution(logits, defaultSampling);
  const counts = new Array<number>(logits.length).fill(0);
  for (let i = 0; i < 20_000; i++) counts[sample(logits, { ...defaultSampling, temperature: 1.1 }, i)]++;
  const statistic = counts.reduce(
    (sum, count, id) => sum + (count - expected[id] * 2e4) ** 2 / (expected[id] * 2e4),
    0,
  );
  assert.ok(statistic > 200);
});

test("tokens that are cut off are never drawn, whatever the options and the logits", () => {
  const options = fc.record({
    temperature: fc.constantFrom(0, 0.1, 0.7, 1, 2),
    topK: fc.nat(30),
    topP: fc.constantFrom(0, 0.1, 0.5, 0.95, 1),
    minP: fc.constantFrom(0, 0.02, 0.5, 1),
    seed: fc.nat(),
  });
  const values = fc.array(fc.integer({ min: -8, max: 8 }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(values, options, fc.nat(1000), (list, given, position) => {
      const row = Float32Array.from(list);
      const probabilities = distribution(row, given);
      const token = sample(row, given, position);
      assert.ok(probabilities[token] > 0, `token ${token} of ${list}`);
      assert.equal(sample(row, given, position), token);
    }),
    { numRuns: 2000, seed: 1 },
  );
});

test("temperature 0 and top-k 1 take the most likely token, the first of equal ones", () => {
  const row = Float32Array.from([1, 5, 2, 5, 5]);
  for (const options of [{ temperature: 0 }, { topK: 1 }, { topP: 0 }, { temperature: 0.5, topP: 0 }])
    for (let position = 0; position < 20; position++)
      assert.equal(sample(row, { ...defaultSampling, ...options }, position), 1);
  assert.deepEqual(
    topLogprobs(row, 3).map(({ id }) => id),
    [1, 3, 4],
  );
  const wide = new Float32Array(100);
  assert.deepEqual(
    topLogprobs(wide, 4).map(({ id }) => id),
    [0, 1, 2, 3],
  );
  const drawn = new Set(Array.from({ length: 200 }, (_, i) => sample(wide, { ...defaultSampling, topK: 3 }, i)));
  assert.deepEqual([...drawn].sort(), [0, 1, 2]);
});

test("log-probabilities are those of temperature 1 with nothing cut off", () => {
  const total = logits.reduce((sum, value) => sum + Math.exp(value), 0);
  for (const id of [0, 13, 39]) assert.ok(Math.abs(logprobOf(logits, id) - (logits[id] - Math.log(total))) < 1e-6);
  const top = topLogprobs(logits, 40);
  assert.ok(Math.abs(top.reduce((sum, { logprob }) => sum + Math.exp(logprob), 0) - 1) < 1e-6);
  assert.ok(top.every(({ logprob }, i) => i === 0 || logprob <= top[i - 1].logprob));
  assert.deepEqual(topLogprobs(logits, 5), top.slice(0, 5));
  // Large logits do not overflow.
  assert.ok(Math.abs(logprobOf(Float32Array.from([1000, 1000]), 0) + Math.LN2) < 1e-6);
  assert.deepEqual(topLogprobs(logits, 0), []);
});

test("a draw depends on seed and position alone; seeds of 53 bits are told apart", () => {
  const draws = (seed: number) =>
    Array.from({ length: 64 }, (_, i) => sample(logits, { ...defaultSampling, seed }, i)).join();
  const seeds = [0, 1, 2, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1, 123456789012345];
  assert.equal(new Set(seeds.map(draws)).size, seeds.length);
  assert.equal(draws(5), draws(5));
});

test("logits that are no numbers are an error, not a token", () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
    for (const at of [0, 2, 4]) {
      const row = Float32Array.from([1, 2, 3, 4, 5]);
      row[at] = bad;
      for (const temperature of [0, 1]) {
        assert.throws(
          () => sample(row, { ...defaultSampling, temperature }, 0),
          new RegExp(`token ${at} is ${bad}; the checkpoint is damaged`),
        );
      }
      assert.throws(() => logprobOf(row, 1), /token . is/);
      assert.throws(() => topLogprobs(row, 2), /token . is/);
    }
  }
  const masked = Float32Array.from([Number.NEGATIVE_INFINITY, 1, Number.NEGATIVE_INFINITY]);
  for (let position = 0; position < 20; position++) assert.equal(sample(masked, defaultSampling, position), 1);
  assert.throws(
    () => sample(new Float32Array(3).fill(Number.NEGATIVE_INFINITY), defaultSampling, 0),
    /token 0 is -Infinity/,
  );
});
