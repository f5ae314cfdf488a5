import assert from "node:assert/strict";
import { test } from "node:test";
import {
  auroc,
  averagePrecision,
  averagePrecisionOf,
  betaQuantile,
  bootstrap,
  brier,
  compareMeanAveragePrecision,
  conformalSet,
  drawCounts,
  type Example,
  expectedCalibrationError,
  falseScopeRates,
  fitConformal,
  rank,
  reliabilityBins,
  riskCoverage,
  scorePredictions,
  shareInterval,
} from "@baltoro/clinic";
import fc from "fast-check";

const near = (actual: number, expected: number, tolerance = 1e-9) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);

/** Scores with many ties. */
const notes = fc.array(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.constantFrom<0 | 1>(0, 1)), {
  minLength: 2,
  maxLength: 40,
});

/** The definition itself: precision and recall at every threshold, from the whole list. */
function bruteAveragePrecision(scores: readonly number[], labels: readonly number[]): number {
  const positives = labels.filter((label) => label === 1).length;
  const thresholds = [...new Set(scores)].sort((a, b) => b - a);
  let [sum, recallBefore] = [0, 0];
  for (const threshold of thresholds) {
    const above = labels.filter((_, i) => scores[i] >= threshold);
    const hits = above.filter((label) => label === 1).length;
    sum += (hits / positives - recallBefore) * (hits / above.length);
    recallBefore = hits / positives;
  }
  return sum;
}

test("average precision: the published example, ties, and the definition", () => {
  // scikit-learn's documentation: y_true [0, 0, 1, 1], y_scores [0.1, 0.4, 0.35, 0.8] → 0.83
  near(averagePrecision([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]), 5 / 6);
  near(averagePrecision([1, 1, 1, 1], [1, 0, 0, 0]), 1 / 4);
  assert.ok(Number.isNaN(averagePrecision([1, 2], [0, 0])));
  assert.throws(() => averagePrecision([Number.NaN], [1]), /score 0 is NaN/);
  fc.assert(
    fc.property(notes, (pairs) => {
      const [scores, labels] = [pairs.map(([score]) => score), pairs.map(([, label]) => label)];
      if (!labels.includes(1)) return;
      near(averagePrecision(scores, labels), bruteAveragePrecision(scores, labels));
      near(averagePrecision(scores.toReversed(), labels.toReversed()), averagePrecision(scores, labels));
    }),
  );
});

test("AUROC is the share of pairs in order", () => {
  near(auroc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]), 0.75);
  fc.assert(
    fc.property(notes, (pairs) => {
      const positive = pairs.filter(([, label]) => label === 1);
      const negative = pairs.filter(([, label]) => label === 0);
      if (positive.length === 0 || negative.length === 0) return;
      let right = 0;
      for (const [p] of positive) for (const [n] of negative) right += p > n ? 1 : p === n ? 0.5 : 0;
      const [scores, labels] = [pairs.map(([score]) => score), pairs.map(([, label]) => label)];
      near(auroc(scores, labels), right / positive.length / negative.length);
    }),
  );
});

test("a note that counts twice is two notes", () => {
  fc.assert(
    fc.property(notes, fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 40, maxLength: 40 }), (pairs, many) => {
      const repeated = pairs.flatMap((pair, i) => new Array<(typeof pairs)[number]>(many[i]).fill(pair));
      if (!repeated.some(([, label]) => label === 1)) return;
      const ranking = rank(
        pairs.map(([score]) => score),
        pairs.map(([, label]) => label),
      );
      near(
        averagePrecisionOf(ranking, Int32Array.from(many)),
        bruteAveragePrecision(
          repeated.map(([score]) => score),
          repeated.map(([, label]) => label),
        ),
      );
    }),
  );
});

test("Brier score, bins and calibration error", () => {
  near(brier([0.1, 0.9, 0.8, 0.3], [0, 1, 1, 0]), 0.0375);
  const bins = reliabilityBins([0.05, 0.05, 1, 0.95, 0.1], [0, 1, 1, 1, 0]);
  assert.deepEqual(
    bins.map(({ count }) => count),
    [2, 1, 0, 0, 0, 0, 0, 0, 0, 2],
  );
  near(expectedCalibrationError(bins), (2 * 0.45 + 0.1 + 2 * 0.025) / 5);
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1 }), (values) => {
      const labels = values.map((value): 0 | 1 => (value > 0.5 ? 1 : 0));
      const error = expectedCalibrationError(reliabilityBins(values, labels));
      assert.ok(error >= 0 && error <= 1);
    }),
  );
});

test("risk by coverage", () => {
  const points = riskCoverage([0.99, 0.6, 0.4, 0.02], [1, 0, 0, 0]);
  // 0.6 and 0.4 are as sure as each other up to rounding.
  assert.deepEqual(points[0], { coverage: 0.25, risk: 0 });
  assert.deepEqual(points.at(-1), { coverage: 1, risk: 0.25 });
});

test("quantiles of the beta distribution, and exact intervals of shares", () => {
  near(betaQuantile(0.5, 1, 1), 0.5);
  near(betaQuantile(0.3, 2, 1), Math.sqrt(0.3));
  near(betaQuantile(0.3, 1, 3), 1 - 0.7 ** (1 / 3));
  // Clopper & Pearson: 0 of 10 and 5 of 10.
  const [low, high] = shareInterval(0, 10);
  assert.equal(low, 0);
  near(high, 1 - 0.025 ** (1 / 10));
  near(shareInterval(5, 10)[0], 0.1871, 1e-4);
  near(shareInterval(5, 10)[1], 0.8129, 1e-4);
});

test("conformal sets cover new notes of the class, and say how surely", () => {
  let state = 7;
  const random = () => {
    state = (state * 16807) % 2147483647;
    return state / 2147483647;
  };
  const coverages = Array.from({ length: 400 }, () => {
    const scores = Array.from({ length: 60 }, random);
    const { threshold } = fitConformal(
      scores,
      scores.map(() => 1),
    );
    return 1 - threshold;
  });
  const mean = coverages.reduce((sum, value) => sum + value, 0) / coverages.length;
  assert.ok(mean >= 0.89 && mean < 0.92, String(mean));
  const fitted = fitConformal(Array.from({ length: 46 }, random), new Array(46).fill(1));
  assert.ok(fitted.coverage[0] < 0.83 && fitted.coverage[1] > 0.95);
  const inside = coverages.filter((value) => value >= 0.8 && value <= 0.97).length;
  assert.ok(inside > 360);
  assert.deepEqual(fitConformal([0.5, Number.NaN], [1, 1]), { threshold: 0, count: 1, coverage: [1, 1] });
  assert.deepEqual(conformalSet([0.2, 0.7], [fitted, { ...fitted, threshold: 0.8 }]), [fitted.threshold <= 0.2, false]);
});

test("bootstrap: seeded, right for a mean, paired for a difference", () => {
  assert.deepEqual([...drawCounts(5, { draws: 1 })][0], [...drawCounts(5, { draws: 1 })][0]);
  const values = Array.from({ length: 400 }, (_, i) => i % 2);
  const share = (counts?: Int32Array) => ({
    mean: values.reduce((sum, value, i) => sum + value * (counts ? counts[i] : 1), 0) / values.length,
  });
  const { mean } = bootstrap(values.length, share);
  assert.equal(mean.value, 0.5);
  // Binomial: ±1.96 · √(0.25 / 400) = ±0.049
  near(mean.low, 0.451, 0.006);
  near(mean.high, 0.549, 0.006);
  const examples = values.map((value, i) => example(String(i), [value as 0 | 1, 0, undefined, 1]));
  const scores = values.map((value, i) => [value + ((i * 7) % 10) / 4, 0, 0, 0]);
  const same = compareMeanAveragePrecision(examples, scores, scores);
  assert.deepEqual(same.difference, { value: 0, low: 0, high: 0 });
});

function example(id: string, labels: Example["labels"], ageMonths?: number): Example {
  return { id, input: { text: "", items: [] }, labels, ageMonths };
}

test("a report: unknown labels count for nothing, unknown diseases are left out", () => {
  const examples = [
    example("a", [1, 0, 0, undefined], 30),
    example("b", [0, 1, 0, undefined], 30),
    example("c", [1, 1, undefined, undefined]),
    example("d", [0, 0, 1, undefined], 6),
  ];
  const report = scorePredictions(examples, [
    [0.9, 0.1, 0.2, Number.NaN],
    [0.4, 0.3, 0.5, Number.NaN],
    [0.8, 0.7, 0.9, Number.NaN],
    [0.1, 0.2, 0.6, Number.NaN],
  ]);
  assert.deepEqual(report.left, ["asthma"]);
  assert.equal(report.diseases.bronchitis?.notes, 3);
  near(report.diseases.bronchitis?.averagePrecision.value ?? 0, 1);
  near(report.accuracy.value, 2 / 3);
  assert.equal(report.singleDiseaseNotes, 3);
  near(report.meanAveragePrecision.value, 1);
  assert.deepEqual(
    report.ages.map(({ name, notes: count }) => [name, count]),
    [
      ["2–11 months", 1],
      ["1–4 years", 2],
      ["age unknown", 1],
    ],
  );
  assert.throws(() => scorePredictions(examples, []), /0 predictions for 4 notes/);
});

test("false scope rates", () => {
  const { falselyOutside, falselyInside } = falseScopeRates([true, true, false, true], [true, false, false, true]);
  near(falselyOutside.share, 1 / 3);
  assert.equal(falselyInside.share, 0);
});
