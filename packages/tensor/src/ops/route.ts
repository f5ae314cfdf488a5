import { record } from "../autograd.ts";
import { empty, type Tensor } from "../tensor.ts";
import { expectRank, expectTensor } from "./check.ts";

/** Options of {@link route}. */
export interface RouteOptions {
  /** Experts per token. */
  readonly k: number;
  /** Divide the chosen scores by their sum (norm_topk_prob). */
  readonly normalize: boolean;
  /** Factor on the weights (routed_scaling_factor). */
  readonly scaling: number;
  /** f32 [E], to which the rows per expert are added: what bias balancing reads once a step. */
  readonly loads: Tensor;
}

/** Which experts each token goes to. */
export interface Routing {
  /** f32 [T, k], with gradient to the logits. */
  readonly weights: Tensor;
  /** i32 [T, k]. */
  readonly indices: Tensor;
}

/**
 * The router of DeepSeek-V3 and K2: scores = sigmoid(logits); the k experts with the largest score + bias; weights from
 * the scores without the bias (arXiv 2412.19437 §2.1.2). logits [T, E], bias [E].
 */
export function route(logits: Tensor, bias: Tensor, options: RouteOptions): Routing {
  expectRank("route", "logits", logits, 2, "[T, E]");
  const [rows, experts] = logits.shape;
  const { k, normalize, scaling, loads } = options;
  const of = `for logits [${logits.shape.join(", ")}]`;
  expectTensor("route", `bias ${of}`, bias, [experts]);
  expectTensor("route", `loads ${of}`, loads, [experts]);
  if (!Number.isInteger(k) || k < 1 || k > experts) throw new Error(`route: k = ${k} of ${experts} experts`);
  const { device } = logits;
  const { backend } = device;
  const scores = empty(device, [rows, experts], "f32", "route scores");
  const indices = empty(device, [rows, k], "i32", "route indices");
  const weights = empty(device, [rows, k], "f32", "route weights");
  const sizes = { rows, experts, k, normalize: normalize ? 1 : 0, scaling };
  backend.enqueue("routeForward", {
    logits: logits.buffer,
    bias: bias.buffer,
    scores: scores.buffer,
    indices: indices.buffer,
    weights: weights.buffer,
    loads: loads.buffer,
    ...sizes,
  });
  record("route", [logits], [weights], [scores, indices], ([dweights], [sink], [savedScores, savedIndices]) => {
    if (!dweights || !sink) return;
    const { out, accumulate } = sink.target();
    backend.enqueue("routeBackward", {
      dweights: dweights.buffer,
      scores: savedScores.buffer,
      indices: savedIndices.buffer,
      dlogits: out.buffer,
      ...sizes,
      accumulate,
    });
  });
  return { weights, indices };
}
