import {
  add,
  checkpoint,
  type Device,
  embedding,
  linear,
  linearCrossEntropy,
  type MatrixDType,
  maxInto,
  noGrad,
  persistent,
  type RopeTables,
  reshape,
  rmsNorm,
  scope,
  type Tensor,
} from "@baltoro/tensor";
import type { K2Config } from "../config.ts";
import { ropeTables } from "../rope.ts";
import { type ActivationOptions, type Activations, activationsOf, keepAll } from "./activations.ts";
import { latentAttention, type PackedBatch } from "./attention.ts";
import { feedForward, mixtureOfExperts, type RoutedExperts } from "./feed-forward.ts";
import { createWeights, type K2Weights, type LayerWeights, releaseWeights } from "./weights.ts";

/** What the forward pass notes on the side, all on the device: nothing is read inside a step. */
export interface ModelStatistics {
  /** Largest attention logit per layer and head since the last reset: [H] each. Feeds QK-Clip. */
  readonly maxLogits: readonly Tensor[];
  /** Rows per expert since the last balancing: [E] for each layer with experts, else null. */
  readonly loads: readonly (Tensor | null)[];
}

/** Which of the experts a model holds, where several ranks share them: the run first … first + count of each layer. */
export interface HeldExperts {
  readonly first: number;
  readonly count: number;
  /** Takes each token to its experts, wherever they are. */
  readonly mix: RoutedExperts;
  /** The values of all experts of a held tensor, on the rank that saves; the others get none. Every rank must call it. */
  gather(held: Tensor): Promise<Float32Array>;
}

/** A K2 model: weights, rotary tables and statistics on one device. */
export interface K2Model extends Disposable {
  readonly device: Device;
  readonly config: K2Config;
  readonly weights: K2Weights;
  readonly tables: RopeTables;
  readonly statistics: ModelStatistics;
  /** Null where all experts are here. */
  readonly experts: HeldExperts | null;
}

/** Options of {@link createModel}. */
export interface ModelOptions {
  /** Make gradients possible (default false). */
  readonly trainable?: boolean;
  /** How matrices that are not trained are stored (default f32). Of a model in "fp8e4m3" those that K2 publishes so; it is for inference. */
  readonly matrices?: MatrixDType;
  /** Positions that the rotary tables cover, by default the config's maxPositionEmbeddings. */
  readonly maxPositions?: number;
  /** Hold a part of the experts only. */
  readonly experts?: HeldExperts;
}

/** Makes a model whose weights are undefined: `initializeWeights` or `loadWeights` gives them values. */
export function createModel(device: Device, config: K2Config, options: ModelOptions = {}): K2Model {
  const experts = options.experts ?? null;
  const weights = createWeights(device, config, options.trainable ?? false, options.matrices, experts?.count);
  const maxPositions = options.maxPositions ?? config.maxPositionEmbeddings;
  const table = (values: Float32Array, label: string) => {
    const tensor = persistent(device, [maxPositions, config.qkRopeHeadDim / 2], "f32", label);
    tensor.write(values);
    return tensor;
  };
  const { cos, sin } = ropeTables(config, maxPositions);
  const tables = { cos: table(cos, "rope cos"), sin: table(sin, "rope sin") };
  const statistics = {
    maxLogits: weights.layers.map((_, i) => persistent(device, [config.numAttentionHeads], "f32", `max logits ${i}`)),
    loads: weights.layers.map(({ moe }, i) => {
      if (!moe) return null;
      const loads = persistent(device, [config.nRoutedExperts], "f32", `expert loads ${i}`);
      loads.write(new Float32Array(config.nRoutedExperts));
      return loads;
    }),
  };
  const extra = [tables.cos, tables.sin, ...statistics.maxLogits, ...statistics.loads];
  return {
    device,
    config,
    weights,
    tables,
    statistics,
    experts,
    [Symbol.dispose]() {
      releaseWeights(weights);
      for (const tensor of extra) tensor?.release();
    },
  };
}

/** Hidden states after the last norm: tokens [B, S] → [B · S, D]. */
export function forwardHidden(model: K2Model, batch: PackedBatch, options: ActivationOptions = {}): Tensor {
  const { device, config, weights } = model;
  const activations = activationsOf(options);
  const rows = batch.tokens.size;
  let x = reshape(embedding(weights.embedding, batch.tokens), [rows, config.hiddenSize]);
  for (const index of weights.layers.keys()) {
    const input = x;
    x =
      options.recompute === "layer"
        ? checkpoint([input], ([saved]) => block(model, index, saved, batch, activations))
        : scope(device, () => block(model, index, input, batch, activations));
  }
  return rmsNorm(x, weights.norm, config.rmsNormEps);
}

/** One block: x += attention(norm(x)); x += feedForward(norm(x)). x [T, D] → [T, D]. */
function block(model: K2Model, index: number, x: Tensor, batch: PackedBatch, activations: Activations): Tensor {
  const { config, statistics, tables } = model;
  const layer = model.weights.layers[index];
  const normed = activations.again([x], ([input]) => rmsNorm(input, layer.inputNorm, config.rmsNormEps));
  const { out, rowMax } = latentAttention(normed, layer.attention, config, batch, tables, activations);
  noGrad(model.device, () => maxInto(rowMax, statistics.maxLogits[index]));
  return addFeedForward(add(x, out), layer, config, statistics.loads[index], model.experts?.mix, activations);
}

/** x + feedForward(norm(x)), dense or with experts. Shared with decoding. */
export function addFeedForward(
  x: Tensor,
  layer: LayerWeights,
  config: K2Config,
  loads: Tensor | null,
  mix?: RoutedExperts,
  activations: Activations = keepAll,
): Tensor {
  const normed = activations.again([x], ([input]) => rmsNorm(input, layer.postAttentionNorm, config.rmsNormEps));
  if (layer.dense) return add(x, feedForward(normed, layer.dense, activations));
  if (!layer.moe || !loads) throw new Error("addFeedForward: the layer has neither a dense feed-forward nor experts");
  return add(x, mixtureOfExperts(normed, layer.moe, config, loads, mix, activations));
}

/** Logits of all positions: [B · S, V]. */
export function forwardLogits(model: K2Model, batch: PackedBatch): Tensor {
  return linear(forwardHidden(model, batch), model.weights.head);
}

/** Mean next-token loss over the targets i32 [B, S] that are not −1: a scalar. */
export function forwardLoss(
  model: K2Model,
  batch: PackedBatch & { readonly targets: Tensor },
  options: ActivationOptions & { readonly zLoss?: number } = {},
): Tensor {
  const hidden = forwardHidden(model, batch, options);
  const targets = reshape(batch.targets, [batch.targets.size]);
  return linearCrossEntropy(hidden, model.weights.head, targets, { ignore: -1, zLoss: options.zLoss ?? 0 });
}
