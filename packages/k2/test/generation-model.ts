/** A tiny model for the tests of generation, and its logits without any cache. */
import { createModel, forwardLogits, initializeWeights, type K2Config, type K2Model, preset } from "@baltoro/k2";
import { type Device, normal, scope, tensor } from "@baltoro/tensor";

const tiny: K2Config = { ...preset("k2-tiny"), vocabSize: 64, bosTokenId: 0, eosTokenId: 1, maxPositionEmbeddings: 48 };

/** Positions of the tests go far beyond the original length of 8. */
const ropeScaling = {
  factor: 8,
  betaFast: 4,
  betaSlow: 1,
  mscale: 1,
  mscaleAllDim: 0.8,
  originalMaxPositionEmbeddings: 8,
};

/** The shapes that take different paths through attention. */
export const variants: Readonly<Record<string, K2Config>> = {
  "low-rank queries": tiny,
  "direct queries": { ...tiny, qLoraRank: null, vHeadDim: 12 },
  "low-rank queries, YaRN": { ...tiny, ropeScaling },
  "direct queries, YaRN": { ...tiny, qLoraRank: null, ropeScaling, numAttentionHeads: 3 },
};

/** A model whose attention logits are large enough that a wrong key would show. */
export function makeModel(device: Device, config: K2Config = tiny, seed = 1): K2Model {
  const model = createModel(device, config);
  initializeWeights(model, { seed, standardDeviation: 0.3 });
  return model;
}

/** `count` ids of the vocabulary. */
export function randomIds(seed: number, count: number, vocabSize = 64): number[] {
  return Array.from(normal(seed, 3, count, 1), (value) => Math.floor(Math.abs(value) * 1e5) % vocabSize);
}

/** Logits [T, V] of a sequence, all of it computed at once. */
export async function uncachedLogits(model: K2Model, ids: readonly number[]): Promise<Float32Array[]> {
  const { device, config } = model;
  const ints = (values: Int32Array, shape: readonly number[]) => tensor(device, values, shape, "i32");
  const logits = await scope(device, () =>
    forwardLogits(model, {
      tokens: ints(Int32Array.from(ids), [1, ids.length]),
      positions: ints(
        Int32Array.from(ids, (_, i) => i),
        [ids.length],
      ),
      documents: ints(new Int32Array(ids.length), [1, ids.length]),
    }),
  ).read();
  const { vocabSize } = config;
  return ids.map((_, i) => Float32Array.from(logits.subarray(i * vocabSize, (i + 1) * vocabSize)));
}

/** max|a − b| / max|b|. */
export function deviation(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [difference, largest] = [actual.length === expected.length ? 0 : Number.POSITIVE_INFINITY, 0];
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(actual[i] - expected[i]));
    largest = Math.max(largest, Math.abs(expected[i]));
  }
  return difference / largest;
}
