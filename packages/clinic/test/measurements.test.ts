import assert from "node:assert/strict";
import { test } from "node:test";
import { extract, type Item, measures } from "@baltoro/clinic";
import { deviationKnots, learnScales, perCode, structure, valueKnots } from "../src/model/measurements.ts";
import { calibrate, probability } from "../src/train/calibration.ts";
import { defaultTraining, trainingOptions } from "../src/train/options.ts";
import { planEpoch } from "../src/train/plan.ts";
import { generator, shuffled } from "../src/train/random.ts";
import { toyRandom } from "./fusion-toy.ts";

const temperature = "8310-5";
const item = (value: number, more: Partial<Item> = {}): Item => ({
  ...{ code: temperature, value, unit: "Cel", text: String(value), start: 0, end: 4, status: "current" },
  ...more,
});
const inputs = Array.from({ length: 101 }, (_, i) => ({ text: "", items: [item(36 + i / 25)] }));
const scales = learnScales(inputs);
const index = new Map(scales.map(({ code }, i) => [code, i]));
const code = index.get(temperature) as number;
const read = (items: readonly Item[], missing: readonly number[] = []) =>
  structure({ text: "", items }, scales, index, missing);

test("knots are quantiles of the training notes, and every measure has its place", () => {
  const { knots } = scales[code];
  assert.equal(knots.length, valueKnots);
  assert.deepEqual([knots[0], knots.at(-1)], [36.04, 39.96]);
  for (const known of measures.keys()) assert.ok(index.has(known));
  assert.deepEqual(
    scales.map((scale) => scale.code),
    scales.map((scale) => scale.code).sort(),
  );
});

test("a value lies between two knots, flat outside them; the deviation in halves of the reference range", () => {
  const { knots } = scales[code];
  const [lower, share] = read([item((knots[2] + knots[3]) / 2)]).measurements[0].value;
  assert.equal(lower, code * valueKnots + 2);
  assert.ok(Math.abs(share - 0.5) < 1e-9);
  assert.deepEqual(read([item(45)]).measurements[0].value, [code * valueKnots + valueKnots - 2, 1]);
  assert.deepEqual(read([item(30)]).measurements[0].value, [code * valueKnots, 0]);
  // 36.5 to 37.5 is the range: 37.5 is at deviation 1.
  const [at, part] = read([item(37.5)]).measurements[0].deviation;
  assert.equal(at + part, code * deviationKnots.length + deviationKnots.indexOf(1));
});

test("the vector holds the most abnormal current value; past ones and those missing do not count as present", () => {
  const at = code * perCode;
  assert.equal(read([]).vector[at], 0);
  assert.equal(read([item(40, { status: "past" })]).vector[at], 0);
  const both = read([item(39.5), item(37)]).vector;
  assert.deepEqual(both, read([item(37), item(39.5)]).vector);
  assert.ok(both[at + 2] > read([item(37)]).vector[at + 2]);
  const [missing] = read([], [code]).measurements;
  assert.deepEqual([missing.item, missing.code], [-1, code]);
  assert.equal(read([item(37)], [code]).measurements.length, 1);
});

test("a titre is positive from 1:80 on", () => {
  const notes = Array.from({ length: 5 }, () => ({ text: "", items: extract("支原体抗体 1:160") }));
  const [{ items }] = notes;
  const withTitre = learnScales(notes);
  const places = new Map(withTitre.map((scale, i) => [scale.code, i]));
  const states = (result: string) =>
    structure({ text: "", items: [{ ...items[0], result }] }, withTitre, places, []).measurements[0].states[1];
  assert.equal(states("1:160"), states("positive"));
  assert.equal(states("1：40"), states("negative"));
  assert.notEqual(states("positive"), states("indeterminate"));
});

test("calibration finds the scale and the bias that labels were drawn with, and leaves few labels alone", () => {
  const random = toyRandom(4);
  const logits = Array.from({ length: 20_000 }, () => 6 * random() - 3);
  const labels = logits.map((logit) => (random() < probability(logit, { scale: 0.5, bias: -1 }) ? 1 : 0));
  const { scale, bias } = calibrate(logits, labels);
  assert.ok(Math.abs(scale - 0.5) < 0.05 && Math.abs(bias + 1) < 0.05, `${scale} ${bias}`);
  assert.deepEqual(calibrate([1, -1], [1, 0]), { scale: 1, bias: 0 });
  // Separable: finite all the same.
  const separable = calibrate(
    logits,
    logits.map((logit) => (logit > 0 ? 1 : 0)),
  );
  assert.ok(Number.isFinite(separable.scale) && separable.scale > 1);
});

test("few notes get smaller steps and more passes, what is asked for stays", () => {
  assert.deepEqual(trainingOptions({}, 10_000_000), defaultTraining);
  const few = trainingOptions({}, 20_000);
  assert.ok(few.stepTokens < defaultTraining.stepTokens && few.epochs > defaultTraining.epochs);
  assert.equal(trainingOptions({ epochs: 2 }, 20_000).epochs, 2);
});

test("an epoch's steps hold every note once, and are the same for the same seed", () => {
  const notes = Array.from({ length: 50 }, (_, i) => ({
    tokens: { ids: new Int32Array(10 + i) } as never,
    structured: { measurements: [], vector: new Float32Array(1) },
  }));
  const plan = planEpoch(notes, 400, 7, 0);
  assert.deepEqual(
    plan.flat().toSorted((a, b) => a - b),
    [...notes.keys()],
  );
  assert.deepEqual(plan, planEpoch(notes, 400, 7, 0));
  assert.notDeepEqual(plan, planEpoch(notes, 400, 7, 1));
  const draws = (words: number[]) => Array.from({ length: 5 }, generator(...words));
  assert.deepEqual(draws([1, 2]), draws([1, 2]));
  assert.notDeepEqual(draws([1, 2]), draws([2, 1]));
  assert.deepEqual([...shuffled(9, generator(3))].sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
});
