/** A small model whose projections can be e4m3, and its logits by way of a cache. */
import {
  type BatchRow,
  createModel,
  initializeWeights,
  type K2Config,
  type K2Model,
  PagedModel,
  preset,
} from "@baltoro/k2";
import type { Device, MatrixDType } from "@baltoro/tensor";

/** Sizes of several blocks, ragged ones among them, and multiples of 8 as the fused kernels want. */
export const fp8Config: K2Config = {
  ...preset("k2-tiny"),
  ...{ vocabSize: 64, bosTokenId: 0, eosTokenId: 1, maxPositionEmbeddings: 48 },
  ...{ hiddenSize: 160, numHiddenLayers: 2, intermediateSize: 264, moeIntermediateSize: 136 },
  ...{ numAttentionHeads: 2, qLoraRank: 136, kvLoraRank: 136, qkNopeHeadDim: 72, qkRopeHeadDim: 8, vHeadDim: 72 },
};

export function makeFp8Model(on: Device, matrices: MatrixDType, seed = 1): K2Model {
  const model = createModel(on, fp8Config, { matrices });
  initializeWeights(model, { seed, standardDeviation: 0.06 });
  return model;
}

/** Logits of a sequence by the paged model, `chunk` rows at a time. */
export async function cachedLogits(model: K2Model, ids: readonly number[], chunk: number): Promise<Float32Array[]> {
  using paged = new PagedModel(model, { blockSize: 4, blocks: 12, maxSequences: 1 });
  paged.setBlockTable(0, [7, 3, 11, 1, 9, 2, 10]);
  const logits: Float32Array[] = [];
  for (let from = 0; from < ids.length; from += chunk) {
    const rows: BatchRow[] = ids
      .slice(from, from + chunk)
      .map((token, i) => ({ token, position: from + i, sequence: 0 }));
    const values = await paged.run(rows, Array.from(rows.keys()));
    for (const i of rows.keys()) logits.push(values.slice(i * fp8Config.vocabSize, (i + 1) * fp8Config.vocabSize));
  }
  return logits;
}
