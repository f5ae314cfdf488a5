/** What a missing test is expected to tell: by the formula and by counting cases. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { likelihoodAt } from "../src/assess/missing/index.ts";
import {
  diseases,
  type Example,
  estimateDistributions,
  expectedInformation,
  extract,
  missingTests,
  priorOf,
} from "../src/index.ts";

const probability = fc.double({ min: 0, max: 1, noNaN: true });
const rows = (bins: number) =>
  fc.array(fc.array(fc.integer({ min: 0, max: 9 }), { minLength: bins, maxLength: bins }), {
    minLength: 16,
    maxLength: 16,
  });

const normalized = (counts: readonly (readonly number[])[]): number[][] =>
  counts.map((row) => {
    const total = row.reduce((sum, value) => sum + value + 0.1, 0);
    return row.map((value) => (value + 0.1) / total);
  });

const entropy = (shares: readonly number[]): number =>
  shares.reduce((sum, p) => (p > 0 ? sum - p * Math.log2(p) : sum), 0);

test("the gain is the entropy of the diseases less what is left on average once the value is known", () => {
  fc.assert(
    fc.property(fc.array(probability, { minLength: 4, maxLength: 4 }), rows(5), (p, counts) => {
      const prior = priorOf(p);
      assert.ok(Math.abs(prior.reduce((a, b) => a + b) - 1) < 1e-9);
      const likelihood = normalized(counts);
      let left = 0;
      const moved = diseases.map(() => 0);
      for (let b = 0; b < 5; b++) {
        const joint = [...prior].map((value, s) => value * likelihood[s][b]);
        const marginal = joint.reduce((a, c) => a + c, 0);
        if (marginal === 0) continue;
        const posterior = joint.map((value) => value / marginal);
        left += marginal * entropy(posterior);
        diseases.forEach((_, c) => {
          const after = posterior.reduce((sum, value, s) => (s & (1 << c) ? sum + value : sum), 0);
          moved[c] += marginal * Math.abs(after - p[c]);
        });
      }
      const { gain, change } = expectedInformation(prior, likelihood);
      assert.ok(Math.abs(gain - Math.max(0, entropy([...prior]) - left)) < 1e-9);
      for (const [c, value] of change.entries()) assert.ok(Math.abs(value - moved[c]) < 1e-9);
    }),
    { seed: 1, numRuns: 300 },
  );
});

test("a test that has the same values whatever the disease tells nothing", () => {
  const likelihood = Array.from({ length: 16 }, () => [0.2, 0.5, 0.3]);
  const { gain, change } = expectedInformation(priorOf([0.4, 0.3, 0.2, 0.6]), likelihood);
  assert.ok(gain < 1e-12);
  for (const value of change) assert.ok(value < 1e-12);
});

test("a test that decides between two equal cases tells one bit", () => {
  const likelihood = Array.from({ length: 16 }, (_, state) => (state & 1 ? [1, 0] : [0, 1]));
  const { gain, change } = expectedInformation(priorOf([0.5, 0, 0, 0]), likelihood);
  assert.equal(gain, 1);
  assert.deepEqual(change, [0.5, 0, 0, 0]);
});

/** Notes where CRP goes with pneumonia, the white count with nothing. */
function training(): Example[] {
  let state = 5;
  const random = (): number => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  return Array.from({ length: 1500 }, (_, n) => {
    const labels = diseases.map(() => (random() < 0.3 ? (1 as const) : (0 as const)));
    const crp = Math.round((labels[0] ? 60 : 8) * (0.5 + random()));
    const text = `${1 + Math.floor(random() * 8)}岁，咳嗽，CRP ${crp}mg/L，WBC ${(6 + 8 * random()).toFixed(1)}×10^9/L`;
    return { id: `${n}`, labels, input: { text, items: extract(text) } };
  });
}

test("estimated from notes, the telling test comes first and one that was made is not named", () => {
  const distributions = estimateDistributions(training());
  assert.deepEqual(distributions.map(({ code }) => code).toSorted(), ["1988-5", "6690-2"]);
  for (const months of [3, 20, 50, 100])
    for (const distribution of distributions)
      for (const row of likelihoodAt(distribution, months)) assert.ok(Math.abs(row.reduce((a, b) => a + b) - 1) < 1e-9);
  const [first, ...rest] = missingTests([], [0.5, 0.3, 0.3, 0.2], 40, distributions);
  assert.equal(first.code, "1988-5");
  assert.ok(first.gain > 0.4 && first.gain <= 1);
  assert.ok(first.change.pneumonia > 0.3 && first.change.asthma < 0.05);
  for (const { gain } of rest) assert.ok(gain < 0.05);
  const made = missingTests(extract("hs-CRP 12 mg/L"), [0.5, 0.3, 0.3, 0.2], 40, distributions);
  assert.ok(!made.some(({ code }) => code === "1988-5"));
});
