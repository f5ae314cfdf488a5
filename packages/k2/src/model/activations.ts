import { recompute, type Tensor } from "@baltoro/tensor";

/**
 * Which activations are computed again in the backward pass instead of kept: none; the list of Kimi K2 (report, §2.4: norms, SwiGLU,
 * MLA's up-projections, the experts' down-projection), all but the cheapest to keep; or whole layers, of which the input alone is kept.
 */
export const recomputeModes = ["none", "k2", "layer"] as const;
export type RecomputeMode = (typeof recomputeModes)[number];

/** How a layer's parts hold what their backward pass needs. */
export interface Activations {
  /** Runs a part of a layer whose outputs are computed again where the mode says so. Tensors of the step must be among the inputs. */
  again<Out extends Tensor | readonly Tensor[]>(
    inputs: readonly Tensor[],
    body: (inputs: readonly Tensor[]) => Out,
  ): Out;
}

/** Everything is kept: inference, and training where memory is no concern. */
export const keepAll: Activations = {
  again: (inputs, body) => body(inputs),
};

export function activationsOf({ recompute: mode = "none" }: { readonly recompute?: RecomputeMode }): Activations {
  return { again: mode === "k2" ? recompute : keepAll.again };
}
