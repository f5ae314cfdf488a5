import {
  add,
  groupedMatmul,
  linear,
  permute,
  type Routing,
  route,
  sortByExpert,
  swiglu,
  type Tensor,
  unpermute,
} from "@baltoro/tensor";
import type { K2Config } from "../config.ts";
import { type Activations, keepAll } from "./activations.ts";
import type { FeedForwardWeights, MoeWeights } from "./weights.ts";

/** down(silu(gate(x)) · up(x)): x [T, D] → [T, D]. */
export function feedForward(
  x: Tensor,
  { gate, up, down }: FeedForwardWeights,
  { again, stored }: Activations = keepAll,
): Tensor {
  const inner = again([stored(linear(x, gate)), stored(linear(x, up))], ([gated, raised]) => swiglu(gated, raised));
  return linear(inner, down);
}

/** Σ weight · expert(x) over the chosen experts of each token: x [T, D] → [T, D]. */
export type RoutedExperts = (
  x: Tensor,
  routing: Routing,
  experts: FeedForwardWeights,
  config: K2Config,
  activations?: Activations,
) => Tensor;

/** {@link RoutedExperts} where all experts are here. */
export function routedExperts(
  x: Tensor,
  routing: Routing,
  experts: FeedForwardWeights,
  config: K2Config,
  activations: Activations = keepAll,
): Tensor {
  const order = sortByExpert(routing.indices, config.nRoutedExperts);
  const rows = expertRows(permute(x, order), experts, order.offsets, { activations });
  return unpermute(rows, routing.weights, order);
}

/** Each routed row through its expert: rows [N, D] → [N, D]. `partial` as in `groupedMatmul`. */
export function expertRows(
  rows: Tensor,
  { gate, up, down }: FeedForwardWeights,
  offsets: Tensor,
  {
    partial = false,
    activations: { again, stored } = keepAll,
  }: { readonly partial?: boolean; readonly activations?: Activations } = {},
): Tensor {
  const input = stored(rows);
  const multiply = (weight: Tensor) => stored(groupedMatmul(input, weight, offsets, { partial }));
  return again([multiply(gate), multiply(up), offsets], ([g, u, o]) =>
    groupedMatmul(swiglu(g, u), down, o, { partial }),
  );
}

/**
 * Mixture of experts: Σ weight · expert(x) over each token's chosen experts, plus the shared expert (DeepSeek-V3 §2.1.2).
 * x [T, D] → [T, D]. `loads` f32 [E] gains the number of rows per expert.
 */
export function mixtureOfExperts(
  x: Tensor,
  { router, bias, experts, shared }: MoeWeights,
  config: K2Config,
  loads: Tensor,
  mix: RoutedExperts = routedExperts,
  activations: Activations = keepAll,
): Tensor {
  const routing = route(linear(x, router, undefined, "f32"), bias, {
    k: config.numExpertsPerTok,
    normalize: config.normTopkProb,
    scaling: config.routedScalingFactor,
    loads,
  });
  return add(mix(x, routing, experts, config, activations), feedForward(x, shared, activations));
}
