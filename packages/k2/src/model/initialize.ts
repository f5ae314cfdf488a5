import { normal, quantizeInto } from "@baltoro/tensor";
import type { K2Model } from "./model.ts";
import { namedWeights } from "./weights.ts";

/** Options of {@link initializeWeights}. */
export interface InitializationOptions {
  readonly seed: number;
  /** Standard deviation of matrices and embeddings, by default the config's initializerRange. */
  readonly standardDeviation?: number;
}

/**
 * Draws a model's first weights: matrices, embeddings and head from a normal distribution, norms one, router biases zero.
 * The numbers are made on the host, from the seed and the place of the tensor in the model: the same on every device.
 */
export function initializeWeights(model: K2Model, { seed, standardDeviation }: InitializationOptions): void {
  const std = standardDeviation ?? model.config.initializerRange;
  for (const [stream, { name, tensor, kind }] of namedWeights(model.weights).entries()) {
    if (kind === "norm") tensor.write(new Float32Array(tensor.size).fill(1));
    else if (kind === "bias") tensor.write(new Float32Array(tensor.size));
    else if (tensor.dtype === "fp8e4m3") quantizeInto(tensor, normal(seed, stream, tensor.size, std));
    else if (model.experts && name.includes("*")) {
      // The numbers that the expert would have if all were here.
      const size = tensor.size / model.experts.count;
      const from = model.experts.first * size;
      tensor.write(normal(seed, stream, from + tensor.size, std).subarray(from));
    } else tensor.write(normal(seed, stream, tensor.size, std));
  }
}
