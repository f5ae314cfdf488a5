/** The generator of synthetic notes: its posterior is right, its notes are what they say, and the frozen cohort is unchanged. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { averagePrecision } from "../src/cohort/describe.ts";
import { findings, panels, population, sources, statesAt, values } from "../src/cohort/model/index.ts";
import { families } from "../src/cohort/write/index.ts";
import {
  type CohortRecord,
  cohortHash,
  type Disease,
  describeCohort,
  diseases,
  extract,
  frozenCohort,
  frozenRecords,
  generateCohort,
  generatePosteriors,
} from "../src/index.ts";

let sample: CohortRecord[] = [];
before(() => {
  sample = [...generateCohort({ seed: 5, count: 20_000 })];
});

const meanPrecision = (posteriors: readonly Readonly<Record<Disease, number>>[]): number =>
  diseases.reduce(
    (sum, disease) =>
      sum +
      averagePrecision(
        posteriors.map((each) => each[disease]),
        sample.map(({ labels }) => labels.includes(disease)),
      ),
    0,
  ) / diseases.length;

test("every source that the tables name is in the file of sources, and every table names one", () => {
  const rows = [
    ...findings,
    ...values,
    ...panels,
    ...population.combinations,
    ...population.agents,
    ...population.severe,
    ...population.settings,
    { source: population.bandsSource },
  ];
  for (const { source } of rows) {
    assert.ok(source.length > 0);
    for (const key of source) assert.ok(Object.hasOwn(sources, key), `${key} is no source`);
  }
  const named = new Set(rows.flatMap(({ source }) => source));
  for (const key of Object.keys(sources)) assert.ok(named.has(key), `${key} is named nowhere`);
});

test("the states of every age sum to one, and their tables hold probabilities", () => {
  for (const months of [1, 5, 6, 11, 12, 23, 24, 36, 48, 60, 72, 119, 120, 203]) {
    const states = statesAt(months);
    assert.ok(Math.abs(states.reduce((sum, { prior }) => sum + prior, 0) - 1) < 1e-9);
    for (const state of states) {
      for (const chances of state.findings) for (const p of chances) assert.ok(p > 0 && p < 1, `${p}`);
      for (const panel of state.panels) for (const p of panel.flat()) assert.ok(p > 0 && p < 1, `${p}`);
      for (const value of state.values) for (const [mean, sd] of value) assert.ok(Number.isFinite(mean) && sd > 0);
      assert.ok(Math.abs(state.settings.reduce((sum, share) => sum + share, 0) - 1) < 1e-9);
    }
  }
});

test("the posterior is calibrated: of notes given p, the share with the disease is p within chance", () => {
  for (const disease of diseases) {
    const bins = Array.from({ length: 10 }, () => ({ count: 0, expected: 0, variance: 0, seen: 0 }));
    for (const { posterior, labels } of sample) {
      const p = posterior[disease];
      const bin = bins[Math.min(9, Math.floor(p * 10))];
      bin.count++;
      bin.expected += p;
      bin.variance += p * (1 - p);
      if (labels.includes(disease)) bin.seen++;
    }
    for (const [i, { expected, variance, seen, count }] of bins.entries()) {
      const z = (seen - expected) / Math.sqrt(variance);
      assert.ok(Math.abs(z) < 4, `${disease}, bin ${i}: ${seen} of ${count}, expected ${expected.toFixed(1)}, z ${z}`);
    }
  }
});

test("words and values together beat each alone, and leave room below one", () => {
  const both = meanPrecision(sample.map(({ posterior }) => posterior));
  const options = { seed: 5, count: 20_000 };
  const words = meanPrecision([...generatePosteriors(options, "words")]);
  const numbers = meanPrecision([...generatePosteriors(options, "values")]);
  assert.ok(both > words + 0.02, `both ${both}, words ${words}`);
  assert.ok(both > numbers + 0.2, `both ${both}, values ${numbers}`);
  assert.ok(both > 0.85 && both < 0.93, `${both}`);
});

test("no note of 20,000 has another's text; a quarter and more have none of the diseases, a tenth two", () => {
  assert.equal(new Set(sample.map(({ text }) => text)).size, sample.length);
  const { diseasesEach, languages, stated } = describeCohort(sample);
  assert.ok(diseasesEach[0] >= 0.25, `${diseasesEach[0]}`);
  assert.ok(Math.abs(diseasesEach[2] - 0.1) < 0.015, `${diseasesEach[2]}`);
  assert.ok(Math.abs(languages.zh - 0.5) < 0.02);
  const { primary } = stated;
  assert.ok(Math.abs(primary["6690-2"] - 0.6) < 0.05, `blood count ${primary["6690-2"]}`);
  assert.ok(Math.abs(primary["1988-5"] + primary["30522-7"] - 0.5) < 0.05);
  assert.ok(Math.abs(primary["33959-8"] - 0.1) < 0.03);
});

test("a note depends on its seed and index alone", () => {
  const all = [...generateCohort({ seed: 5, count: 40 })];
  const [alone] = generateCohort({ seed: 5, count: 1, start: 33 });
  assert.deepEqual(alone, all[33]);
  assert.deepEqual(all, sample.slice(0, 40));
  const [other] = generateCohort({ seed: 6, count: 1, start: 33 });
  assert.notEqual(other.text, alone.text);
  const [large] = generateCohort({ seed: 5 + 2 ** 40, count: 1, start: 33 });
  assert.notEqual(large.text, alone.text);
});

test("families of the held-out split are in no other", () => {
  for (const language of ["zh", "en"] as const) {
    const own = families.filter((family) => family.language === language);
    assert.ok(own.filter(({ heldOut }) => !heldOut).length >= 12);
    assert.ok(own.filter(({ heldOut }) => heldOut).length >= 3);
  }
  const held = new Set(families.filter(({ heldOut }) => heldOut).map(({ id }) => id));
  for (const { family } of sample) assert.ok(!held.has(family));
  for (const { family } of generateCohort({ seed: 5, count: 300, split: "heldOut" })) assert.ok(held.has(family));
});

test("no note names a diagnosis as its own, or shows what the templates are made of", () => {
  for (const { text, family } of sample) {
    assert.doesNotMatch(text, /诊断|初步印象|diagnos|impression|assessment/i, family);
    assert.doesNotMatch(text, /undefined|NaN|[{}]|\*[^1１\s]/, family);
  }
});

test("what each note states is near what was drawn: stage 1 finds most of it", (t) => {
  const notes = sample.slice(0, 3000);
  let found = 0;
  let total = 0;
  for (const { text, truth } of notes) {
    const items = extract(text).filter(({ status }) => status === "current");
    for (const [code, value] of Object.entries(truth)) {
      total++;
      const near = (x: number): boolean =>
        Math.abs(x - Number(value)) <= Math.max(0.01 * Math.abs(Number(value)), 0.02);
      if (items.some((item) => item.code === code && item.value !== undefined && near(item.value))) found++;
    }
  }
  t.diagnostic(`recall of stage 1 on ${total} values of ${notes.length} notes: ${(found / total).toFixed(4)}`);
  assert.ok(found / total > 0.9, `${found} of ${total}`);
});

test("wrong numbers are refused by name", () => {
  assert.throws(() => [...generateCohort({ seed: -1, count: 1 })], /seed is -1, expected a whole number/);
  assert.throws(() => [...generateCohort({ seed: 1, count: 1.5 })], /count is 1\.5/);
  assert.throws(() => [...generateCohort({ seed: 1, count: 1, start: Number.NaN })], /start is NaN/);
});

test("the frozen cohort is the one that models were trained on", () => {
  const records = [...frozenRecords()];
  assert.equal(cohortHash(records), frozenCohort.sha256);
  for (const [split, count] of Object.entries(frozenCohort.counts))
    assert.equal(records.filter((record) => record.split === split).length, count);
  assert.deepEqual(
    [...frozenRecords("test")],
    records.filter(({ split }) => split === "test"),
  );
});

test("2,000 notes and more a second", (t) => {
  let best = 0;
  for (let run = 0; run < 3; run++) {
    const start = performance.now();
    let count = 0;
    for (const _ of generateCohort({ seed: run, count: 1500 })) count++;
    best = Math.max(best, (count / (performance.now() - start)) * 1000);
  }
  t.diagnostic(`${Math.round(best)} notes a second`);
  assert.ok(best > 500, `${best} notes a second; a quiet core makes over 2,000`);
});
