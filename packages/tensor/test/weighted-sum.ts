import { matmul, reshape, type Tensor, tensor } from "@baltoro/tensor";

/** x · w with fixed, distinct weights: a scalar whose gradient differs in every element. */
export function weightedSum(x: Tensor): Tensor {
  const weights = Float64Array.from({ length: x.size }, (_, i) => Math.sin(1 + 0.7 * i));
  return reshape(matmul(reshape(x, [1, x.size]), tensor(x.device, weights, [x.size, 1])), []);
}
