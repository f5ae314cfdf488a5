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
import type { FeedForwardWeights, MoeWeights } from "./weights.ts";

/** down(silu(gate(x)) · up(x)): x [T, D] → [T, D]. */
export function feedForward(x: Tensor, { gate, up, down }: FeedForwardWeights): Tensor {
  return linear(swiglu(linear(x, gate), linear(x, up)), down);
}

/** Σ weight · expert(x) over the chosen experts of each token: x [T, D] → [T, D]. */
export type RoutedExperts = (x: Tensor, routing: Routing, experts: FeedForwardWeights, config: K2Config) => Tensor;

/** {@link RoutedExperts} where all experts are here. */
export function routedExperts(x: Tensor, routing: Routing, experts: FeedForwardWeights, config: K2Config): Tensor {
  const order = sortByExpert(routing.indices, config.nRoutedExperts);
  const rows = permute(x, order);
  const inner = swiglu(
    groupedMatmul(rows, experts.gate, order.offsets),
    groupedMatmul(rows, experts.up, order.offsets),
  );
  return unpermute(groupedMatmul(inner, experts.down, order.offsets), routing.weights, order);
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
): Tensor {
  const routing = route(linear(x, router, undefined, "f32"), bias, {
    k: config.numExpertsPerTok,
    normalize: config.normTopkProb,
    scaling: config.routedScalingFactor,
    loads,
  });
  return add(mix(x, routing, experts, config), feedForward(x, shared));
}
