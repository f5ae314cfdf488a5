/** MuonClip on a K2 model: QK-Clip holds the logits, and micro-batches add up to one large batch. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  createModel,
  forwardLoss,
  initializeWeights,
  type K2Config,
  type K2Model,
  namedWeights,
  preset,
  type RecomputeMode,
  recomputeModes,
} from "@baltoro/k2";
import { backward, type Device, fill, normal, openDevice, scope, tensor } from "@baltoro/tensor";
import { clippedAttention, createTrainStep, type MicroBatch, muonClip, optimizedParameters } from "@baltoro/training";

const device: Device = await openDevice("wasm", { threads: 2 });
after(() => device.close());

const config: K2Config = { ...preset("k2-tiny"), numHiddenLayers: 3, numAttentionHeads: 4 };
const [batchSize, sequenceLength] = [4, 16];

/** Documents of different lengths, as packing makes them. */
function randomBatch(seed: number, sequences = batchSize): MicroBatch {
  const size = sequences * sequenceLength;
  const ids = normal(seed, 0, 2 * size, 1).map((value) => Math.floor(Math.abs(value) * 1e4) % config.vocabSize);
  const boundary = 5 + (seed % 7);
  return {
    tokens: Int32Array.from(ids.subarray(0, size)),
    targets: Int32Array.from(ids.subarray(size)),
    positions: Int32Array.from({ length: size }, (_, i) => {
      const at = i % sequenceLength;
      return at < boundary ? at : at - boundary;
    }),
    documents: Int32Array.from({ length: size }, (_, i) => (i % sequenceLength < boundary ? 0 : 1)),
  };
}

/** Query and key projections are scaled up by `boost`, so that attention logits are large. */
async function makeModel(boost: number): Promise<K2Model> {
  const model = createModel(device, config, { trainable: true });
  initializeWeights(model, { seed: 5, standardDeviation: 0.08 });
  for (const { attention } of model.weights.layers) {
    for (const weight of [attention.qB, attention.kvA, attention.kvB])
      weight.write(Float32Array.from(await weight.read(), (value) => value * boost));
  }
  return model;
}

/** Largest logit per layer and head on a batch: [layers][H]. */
async function headLogits(model: K2Model, batch: MicroBatch): Promise<number[][]> {
  for (const statistic of model.statistics.maxLogits) fill(statistic, Number.NEGATIVE_INFINITY);
  scope(device, () => lossOf(model, batch));
  return Promise.all(model.statistics.maxLogits.map(async (statistic) => Array.from(await statistic.read())));
}

function lossOf(model: K2Model, { tokens, targets, positions, documents }: MicroBatch) {
  const shape = [tokens.length / sequenceLength, sequenceLength];
  return forwardLoss(model, {
    tokens: tensor(device, tokens, shape, "i32"),
    targets: tensor(device, targets, shape, "i32"),
    positions: tensor(device, positions, [tokens.length], "i32"),
    documents: tensor(device, documents, shape, "i32"),
  });
}

const weightsOf = async (model: K2Model) =>
  new Map(
    await Promise.all(
      namedWeights(model.weights).map(async ({ name, tensor: weight }) => [name, await weight.read()] as const),
    ),
  );

test("after QK-Clip the largest logits are at the threshold, and what must not change has not", async () => {
  using model = await makeModel(6);
  const batch = randomBatch(1);
  const before = await headLogits(model, batch);
  const sorted = before.flat().sort((a, b) => a - b);
  const tau = sorted[Math.floor(sorted.length / 2)] + 1e-3;
  assert.ok(sorted[sorted.length - 1] > 1.2 * tau && sorted[0] > 0.5, `logits ${sorted} have no head far above ${tau}`);
  const weightsBefore = await weightsOf(model);
  // A learning rate of zero leaves QK-Clip alone: logits of the same batch show nothing but the clip.
  const step = createTrainStep(model, muonClip({ tau }), { batchSize, sequenceLength, balanceRate: 0 });
  step.run([batch], { learningRate: 0, step: 0 });
  const { maxLogits } = await step.metrics();
  assert.deepEqual(
    maxLogits,
    before.map((heads) => Math.max(...heads)),
  );
  const weights = await weightsOf(model);
  const { qkNopeHeadDim: nope, qkRopeHeadDim: rope, vHeadDim } = config;
  for (const [layer, heads] of before.entries()) {
    const prefix = `model.layers.${layer}.self_attn`;
    for (const [head, logit] of heads.entries()) {
      const gamma = logit > tau ? tau / logit : 1;
      assertRows(`${prefix}.q_b_proj.weight`, head * (nope + rope), nope, Math.sqrt(gamma));
      assertRows(`${prefix}.q_b_proj.weight`, head * (nope + rope) + nope, rope, gamma);
      assertRows(`${prefix}.kv_b_proj.weight`, head * (nope + vHeadDim), nope, Math.sqrt(gamma));
      assertRows(`${prefix}.kv_b_proj.weight`, head * (nope + vHeadDim) + nope, vHeadDim, 1);
    }
  }
  for (const [name, values] of weights) {
    if (/(q_b|kv_b)_proj/.test(name)) continue;
    assert.deepEqual(values, weightsBefore.get(name), `${name} changed`);
  }
  // Only the first layer sees the same inputs as before; there each head's logits shrink by exactly γ.
  const afterClip = await headLogits(model, batch);
  for (const [head, logit] of afterClip[0].entries()) {
    const expected = Math.min(before[0][head], tau);
    assert.ok(Math.abs(logit - expected) <= 1e-4 * expected, `head ${head}: ${logit}, expected ${expected}`);
  }

  function assertRows(name: string, first: number, count: number, factor: number): void {
    const [now, then] = [weights.get(name), weightsBefore.get(name)];
    assert.ok(now && then);
    const columns = now.length / (weightRows(name) || 1);
    for (let i = first * columns; i < (first + count) * columns; i++) {
      assert.ok(
        Math.abs(now[i] - then[i] * factor) <= 1e-6 * Math.abs(then[i]),
        `${name}: row ${first} is not × ${factor}`,
      );
    }
  }

  function weightRows(name: string): number {
    return config.numAttentionHeads * (name.includes("q_b_proj") ? nope + rope : nope + vHeadDim);
  }
});

test("after a few steps with QK-Clip, all layers' logits are below the threshold on the batch they were clipped on", async () => {
  const batch = randomBatch(2);
  const largest = async (tau: number) => {
    using model = await makeModel(6);
    const step = createTrainStep(model, muonClip({ tau }), { batchSize, sequenceLength });
    for (let i = 0; i < 6; i++) step.run([batch], { learningRate: 0, step: i });
    return Math.max(...(await headLogits(model, batch)).flat());
  };
  const tau = 3;
  assert.ok((await largest(tau)) <= tau * (1 + 1e-4));
  assert.ok((await largest(0)) > 2 * tau, "the logits were never above the threshold");
});

test("gradients accumulated over micro-batches equal those of one large batch", async () => {
  const parts = [1, 2, 3, 4].map((seed) => randomBatch(seed));
  const whole: MicroBatch = {
    tokens: join(parts.map(({ tokens }) => tokens)),
    targets: join(parts.map(({ targets }) => targets)),
    positions: join(parts.map(({ positions }) => positions)),
    documents: join(parts.map(({ documents }) => documents)),
  };
  const run = async (batches: readonly MicroBatch[], recompute: RecomputeMode) => {
    using model = await makeModel(2);
    const step = createTrainStep(model, muonClip({ maxGradientNorm: 0.3, tau: 2 }), {
      batchSize: whole.tokens.length / sequenceLength / batches.length,
      sequenceLength,
      accumulation: batches.length,
      recompute,
    });
    step.run(batches, { learningRate: 0.02, step: 0 });
    const metrics = await step.metrics();
    const gradients = new Map<string, Float32Array>();
    for (const { name, tensor: weight } of optimizedParameters(model))
      gradients.set(name, Float32Array.from((await weight.grad?.read()) ?? []));
    return { metrics, gradients, biases: await biasesOf(model) };
  };
  const large = await run([whole], "none");
  for (const recompute of recomputeModes) {
    const small = await run(parts, recompute);
    assert.ok(relative([small.metrics.loss], [large.metrics.loss]) <= 1e-5);
    assert.ok(relative([small.metrics.gradientNorm], [large.metrics.gradientNorm]) <= 1e-5);
    assert.deepEqual(small.metrics.loadImbalance, large.metrics.loadImbalance);
    assert.ok(relative(small.metrics.maxLogits, large.metrics.maxLogits) <= 1e-5);
    assert.ok(relative(small.biases, large.biases) <= 1e-6, "the router's biases differ");
    for (const [name, gradient] of large.gradients) {
      const difference = relative(small.gradients.get(name) ?? [], gradient);
      assert.ok(difference <= 1e-5, `the gradient of ${name} differs by ${difference}`);
    }
  }
  const three = await run([...parts.slice(0, 3), parts[0]], "none");
  const name = "lm_head.weight";
  assert.ok(relative(three.gradients.get(name) ?? [], large.gradients.get(name) ?? []) > 1e-2);
});

test("a step with another number of micro-batches than it was built for is refused", async () => {
  using model = await makeModel(1);
  const step = createTrainStep(model, muonClip(), { batchSize, sequenceLength, accumulation: 2 });
  assert.throws(
    () => step.run([randomBatch(1)], { learningRate: 0, step: 0 }),
    /1 micro-batches, expected 2 \(the accumulation/,
  );
});

test("the groups: matrices for Muon; embeddings, head and norms for AdamW; the router's bias for neither", () => {
  using model = createModel(device, config, { trainable: true });
  const groups = new Map(optimizedParameters(model).map(({ name, group }) => [name, group]));
  for (const [name, group] of groups) {
    assert.equal(group, /norm|embed_tokens|lm_head/.test(name) ? "adamw" : "muon", name);
  }
  assert.equal(groups.size, namedWeights(model.weights).length - 2);
  assert.ok([...groups.keys()].every((name) => !name.includes("e_score_correction_bias")));
  assert.ok(optimizedParameters(model, true).every(({ group }) => group === "adamw"));
  assert.equal(clippedAttention(model).length, config.numHiddenLayers);
  scope(device, () => {
    const loss = lossOf(model, randomBatch(1));
    backward(loss);
  });
  for (const { name, tensor: weight } of optimizedParameters(model))
    assert.ok(weight.gradDefined, `${name} has no gradient`);
});

async function biasesOf(model: K2Model): Promise<number[]> {
  const biases: number[] = [];
  for (const { moe } of model.weights.layers) if (moe) biases.push(...(await moe.bias.read()));
  return biases;
}

function join(parts: readonly Int32Array[]): Int32Array {
  return Int32Array.from(parts.flatMap((part) => [...part]));
}

/** ‖a − b‖ / ‖b‖. */
function relative(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.equal(a.length, b.length);
  const difference = Math.hypot(...Array.from(a, (value, i) => value - b[i]));
  return difference / Math.max(Math.hypot(...Array.from(b)), 1e-30);
}
