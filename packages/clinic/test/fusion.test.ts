import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  type FusionConfig,
  hashOf,
  loadDiagnosisModel,
  saveDiagnosisModel,
  type TrainRequest,
  trainDiagnosisModel,
  variantNames,
  variants,
} from "@baltoro/clinic";
import { backward, openDevice, scope } from "@baltoro/tensor";
import { createBatch, createFusionModel, encodeHidden, evaluate, logitsOf } from "../src/model/index.ts";
import { hideTokens } from "../src/train/hide.ts";
import { learnParts } from "../src/train/parts.ts";
import { generator } from "../src/train/random.ts";
import { labelLoss, maskedLoss } from "../src/train/steps.ts";
import { toyExample, toyExamples } from "./fusion-toy.ts";

const small = { width: 48, layers: 2, feedForward: 48 } as const;
const examples = toyExamples(300, 1);
const validation = toyExamples(120, 2);
const device = await openDevice("wasm", { threads: 1 });
after(() => device.close());

const modelOf = (config: Partial<FusionConfig> = {}) =>
  createFusionModel(device, learnParts({ examples, config: { ...small, ...config } }), 3);

const cases: readonly (readonly [string, Partial<FusionConfig>])[] = [
  ...variantNames.map((name) => [name, variants[name]] as const),
  ["fusion with evidence that adds up", { evidence: true }],
];

for (const [name, config] of cases) {
  test(`${name}: the gradient reaches every parameter`, () => {
    const model = modelOf(config);
    const notes = examples.slice(0, 6).map(({ input }) => model.encode(input));
    scope(device, () => {
      const labels = examples.slice(0, 6).map((example) => example.labels);
      backward(labelLoss(model, notes, labels, [1, 1, 1, 1], { p: 0, words: new Int32Array(4) }));
    });
    if (model.config.modalities !== "structured") {
      const random = generator(1);
      const hidden = notes.map(({ tokens }) => hideTokens(tokens, 0.3, model.config.tokens, random));
      scope(device, () => backward(maskedLoss(model, notes, hidden)));
    }
    const unreached = model.parameters.filter(({ tensor }) => !tensor.gradDefined).map((parameter) => parameter.name);
    assert.deepEqual(unreached, []);
    model.release();
  });
}

test("without infusion the text path does not depend on the values, with it it does", async () => {
  const notes = [5, 90].map((crp) => toyExample("x", `患儿，3岁，咳嗽。双肺可闻及湿啰音。CRP ${crp}mg/L。`, []).input);
  for (const infusion of [false, true]) {
    const model = modelOf({ infusion });
    const [low, high] = await Promise.all(
      notes.map((input) =>
        evaluate(device, () => {
          const batch = createBatch(device, model.config, model.scales, [model.encode(input)]);
          return encodeHidden(model.weights, model.config, batch, { tables: model.tables });
        }),
      ),
    );
    assert.equal(Math.max(...low.map((value, i) => Math.abs(value - high[i]))) > 1e-4, infusion);
    model.release();
  }
});

for (const [name, config] of cases) {
  test(`${name}: a note's result does not depend on those beside it`, async () => {
    const model = modelOf(config);
    const notes = [...toyExamples(5, 9, 3), ...toyExamples(5, 10)].map(({ input }) => model.encode(input));
    const together = await logitsOf(model, notes);
    for (const [n, note] of notes.entries()) {
      const [alone] = await logitsOf(model, [note]);
      for (const [c, logit] of alone.entries()) assert.ok(Math.abs(logit - together[n][c]) < 1e-5, `note ${n}`);
    }
    model.release();
  });
}

test("notes without a text, without items, with unknown codes and overlapping spans are judged all the same", async () => {
  const model = modelOf();
  const item = { code: "8310-5", value: 39, unit: "Cel", text: "39", start: 0, end: 2, status: "current" } as const;
  const inputs = [
    { text: "", items: [] },
    { text: "", items: [{ ...item, text: "", end: 0 }] },
    { text: "39", items: [item, { ...item, code: "no-such-code" }, { ...item, start: 1, end: 9 }] },
    { text: "39", items: [{ ...item, value: undefined, result: "1:160" }] },
  ];
  const logits = await logitsOf(
    model,
    inputs.map((input) => model.encode(input)),
  );
  assert.ok(logits.flat().every(Number.isFinite));
  model.release();
});

const request = (more: Partial<TrainRequest> = {}): TrainRequest => ({
  ...{ examples, validation, config: small, threads: 1, seed: 5 },
  training: { epochs: 6, stepTokens: 1024, textDropout: 0, structureDropout: 0, tokenDropout: 0.02, itemDropout: 0 },
  ...more,
});

test("learns what only text and values together decide; saved and loaded it is the same", async (t) => {
  const trained = await trainDiagnosisModel(request());
  t.after(() => trained.close());
  const best = Math.max(...trained.history.map((epoch) => epoch.validation));
  assert.ok(best > 0.95, `mean average precision ${best}`);
  const textOnly = await trainDiagnosisModel(request({ config: { ...small, ...variants.text } }));
  await textOnly.close();
  const without = Math.max(...textOnly.history.map((epoch) => epoch.validation));
  assert.ok(without < 0.8, `text alone ${without}`);

  const directory = await mkdtemp(join(tmpdir(), "baltoro-fusion-"));
  t.after(() => rm(directory, { recursive: true }));
  await saveDiagnosisModel(trained, directory, { name: "toy", version: "1", trainedOn: "local", card: "# Toy\n" });
  const loaded = await loadDiagnosisModel(directory);
  t.after(() => loaded.close());
  const inputs = validation.slice(0, 20).map(({ input }) => input);
  assert.deepEqual(await loaded.predict(inputs), await trained.predict(inputs));
  assert.deepEqual({ ...loaded.identity, hash: "" }, { name: "toy", version: "1", training: "local", hash: "" });
  assert.match(loaded.identity.hash, /^[0-9a-f]{64}$/);

  // ---- Relevance: the words and the value that decide stand out ----
  const pneumonia = validation.find(({ labels }) => labels[0] === 1);
  assert.ok(pneumonia && loaded.relevance);
  const { text, items } = pneumonia.input;
  const relevance = await loaded.relevance(pneumonia.input);
  assert.deepEqual([relevance.text[0].length, relevance.items[0].length], [text.length, items.length]);
  const total = (from: number, to: number) =>
    relevance.text[0].subarray(from, to).reduce((sum, value) => sum + value, 0);
  const crackles = text.indexOf("湿啰音");
  assert.ok(total(crackles, crackles + 3) > total(text.indexOf("查体"), text.indexOf("查体") + 2));

  // ---- Damage is named ----
  const configPath = join(directory, "config.json");
  const config = await readFile(configPath, "utf8");
  await writeFile(configPath, config.replace('"version": "1"', '"version": "2"'));
  assert.notEqual(await hashOf(directory), loaded.identity.hash);
  await writeFile(configPath, config.replace('"width": 48', '"width": 96'));
  await assert.rejects(loadDiagnosisModel(directory), /text\.tokens has shape/);
  await writeFile(configPath, config.replace('"width": 48', '"width": 50'));
  await assert.rejects(loadDiagnosisModel(directory), /config\.json: width 50 must be a multiple/);
  await writeFile(configPath, config);
  await rm(join(directory, "calibration.json"));
  await assert.rejects(loadDiagnosisModel(directory), /calibration\.json cannot be read/);
});

test("the same seed gives the same weights, another one others", async () => {
  const weightsOf = async (seed: number) => {
    const trained = await trainDiagnosisModel(request({ seed, training: { epochs: 1, stepTokens: 1024 } }));
    const values = await Promise.all(trained.model.parameters.map(({ tensor }) => tensor.read()));
    const copies = values.map((value) => Float32Array.from(value));
    await trained.close();
    return copies;
  };
  const [first, again, other] = [await weightsOf(5), await weightsOf(5), await weightsOf(6)];
  assert.deepEqual(first, again);
  assert.notDeepEqual(first, other);
});

test("a disease that no training note has is not ranked; training can be stopped", async () => {
  const known = examples.map((example) => ({
    ...example,
    labels: example.labels.map((label, c) => (c === 3 ? undefined : label)),
  }));
  const training = { epochs: 1, pretrainingEpochs: 0 };
  const trained = await trainDiagnosisModel(request({ examples: known, training }));
  const [row] = await trained.predict([validation[0].input]);
  assert.deepEqual(row.map(Number.isNaN), [false, false, false, true]);
  await trained.close();
  await assert.rejects(trainDiagnosisModel(request({ signal: AbortSignal.abort(new Error("enough")) })), /enough/);
  await assert.rejects(trainDiagnosisModel(request({ examples: [] })), /there are no examples/);
});

test("a training that is stopped goes on from its last whole epoch to the same weights", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "baltoro-fusion-"));
  t.after(() => rm(directory, { recursive: true }));
  const training = { epochs: 2, pretrainingEpochs: 1, stepTokens: 2048 };
  const weightsOf = async (more: Partial<TrainRequest>) => {
    const trained = await trainDiagnosisModel(request({ training, ...more }));
    const values = await Promise.all(
      trained.model.parameters.map(async ({ tensor }) => Float32Array.from(await tensor.read())),
    );
    await trained.close();
    return values;
  };
  const whole = await weightsOf({});
  const controller = new AbortController();
  const progress: TrainRequest["progress"] = ({ phase, step, steps }) => {
    if (phase === "training" && step === Math.ceil(steps * 0.75)) controller.abort(new Error("Ctrl-C"));
  };
  await assert.rejects(weightsOf({ checkpoint: { directory }, signal: controller.signal, progress }), /Ctrl-C/);
  assert.deepEqual(await weightsOf({ checkpoint: { directory, resume: true } }), whole);
  await assert.rejects(
    weightsOf({ checkpoint: { directory, resume: true }, seed: 9 }),
    /other data, options or another seed/,
  );
});
