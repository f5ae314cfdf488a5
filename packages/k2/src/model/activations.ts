import { compressForBackward, recompute, type Tensor } from "@baltoro/tensor";

/**
 * Which activations are computed again in the backward pass instead of kept: none; the list of Kimi K2 (report, §2.4: norms, SwiGLU,
 * MLA's up-projections, the experts' down-projection), all but the cheapest to keep; or whole layers, of which the input alone is kept.
 */
export const recomputeModes = ["none", "k2", "layer"] as const;
export type RecomputeMode = (typeof recomputeModes)[number];

/**
 * How the largest of those that are kept are stored: as they are, or in e4m3 by tiles of 1 × 128 (K2 report, §2.4: the inputs of the experts'
 * up-projections, and of SwiGLU).
 */
export const storageFormats = ["exact", "fp8"] as const;
export type StorageFormat = (typeof storageFormats)[number];

/** What the forward pass keeps for the backward pass. */
export interface ActivationOptions {
  /** Default none. */
  readonly recompute?: RecomputeMode;
  /** Default exact. */
  readonly store?: StorageFormat;
}

/** How a layer's parts hold what their backward pass needs. */
export interface Activations {
  /** Runs a part of a layer whose outputs are computed again where the mode says so. Tensors of the step must be among the inputs. */
  again<Out extends Tensor | readonly Tensor[]>(
    inputs: readonly Tensor[],
    body: (inputs: readonly Tensor[]) => Out,
  ): Out;
  /** Marks a tensor that is stored compressed where the format says so. */
  stored(x: Tensor): Tensor;
}

/** Everything is kept as it is: inference, and training where memory is no concern. */
export const keepAll: Activations = {
  again: (inputs, body) => body(inputs),
  stored: (x) => x,
};

/** @throws where both are asked for that exclude each other. */
export function activationsOf({ recompute: mode = "none", store = "exact" }: ActivationOptions): Activations {
  if (mode === "layer" && store !== "exact")
    throw new Error(`store ${store} with recompute layer: what is kept of a layer is its input alone, exactly`);
  return {
    again: mode === "k2" ? recompute : keepAll.again,
    stored: store === "fp8" ? compressForBackward : keepAll.stored,
  };
}
