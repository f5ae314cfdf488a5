/**
 * Operations of decoding: few rows, no gradients, each one kernel where the plain operations take several. Only on backends with
 * `fusedRows`; sizes of multiples of 8.
 */
import type { FloatDType } from "../dtype.ts";
import { empty, type Tensor } from "../tensor.ts";
import { expectRank, expectTensor } from "./check.ts";
import type { PagedContext } from "./latent-cache.ts";
import type { RopeTables } from "./rope.ts";
import type { RouteOptions, Routing } from "./route.ts";

/** A product of {@link normProducts}: the matrix [n, dim], and the type of its result, by default that of x. */
export interface NormProduct {
  readonly weight: Tensor;
  readonly dtype?: FloatDType;
}

/** rmsNorm(x) [rows, dim] and its products with one to three matrices [n_i, dim] → [rows, n_i] each. */
export function normProducts(
  x: Tensor,
  norm: Tensor,
  eps: number,
  products: readonly [NormProduct, NormProduct?, NormProduct?],
): { normed: Tensor; outputs: Tensor[] } {
  expectRank("normProducts", "x", x, 2, "[rows, dim]");
  const [rows, dim] = x.shape;
  const { device } = x;
  expectTensor("normProducts", "norm", norm, [dim], "f32");
  const given = products.filter((product) => product !== undefined);
  for (const { weight } of given) expectTensor("normProducts", "weight", weight, [weight.shape[0], dim], "matrix");
  const normed = empty(device, [rows, dim], x.dtype, "normProducts normed");
  const outputs = given.map(({ weight, dtype }) =>
    empty(device, [rows, weight.shape[0]], dtype ?? (x.dtype as FloatDType), "normProducts"),
  );
  const n = (i: number) => given[i]?.weight.shape[0] ?? 0;
  device.backend.enqueue("normProducts", {
    x: x.buffer,
    weight: norm.buffer,
    normed: normed.buffer,
    w0: given[0].weight.buffer,
    w1: given[1]?.weight.buffer ?? null,
    w2: given[2]?.weight.buffer ?? null,
    y0: outputs[0].buffer,
    y1: outputs[1]?.buffer ?? null,
    y2: outputs[2]?.buffer ?? null,
    ...{ rows, dim, n0: n(0), n1: n(1), n2: n(2), eps },
  });
  return { normed, outputs };
}

/** What {@link latentInputs} takes beside its operands. */
export interface LatentInputs {
  /** [kvLoraRank]. */
  readonly norm: Tensor;
  /** [H, latent, nope]. */
  readonly keys: Tensor;
  /** i32 [rows]. */
  readonly positions: Tensor;
  readonly tables: RopeTables;
  /** i32 [rows]. */
  readonly slots: Tensor;
  /** [blocks, blockSize, latent + rope]. */
  readonly cache: Tensor;
  readonly eps: number;
}

/**
 * The absorbed path's inputs (DeepSeek-V2 §2.1.2): q [rows, H · (nope + rope)] and kv [rows, latent + rope] as projected → queries in latent
 * space [rows, H, latent + rope]; the cache gains the rows' latents.
 */
export function latentInputs(q: Tensor, kv: Tensor, options: LatentInputs): Tensor {
  const { norm, keys, positions, tables, slots, cache, eps } = options;
  expectRank("latentInputs", "keys", keys, 3, "[H, latent, nope]");
  const [heads, latent, nope] = keys.shape;
  const [rows, width] = kv.shape;
  const ropeDim = width - latent;
  expectTensor("latentInputs", "q", q, [rows, heads * (nope + ropeDim)], "float");
  expectTensor("latentInputs", "norm", norm, [latent], "f32");
  expectTensor("latentInputs", "slots", slots, [rows], "i32");
  const absorbed = empty(q.device, [rows, heads, width], q.dtype, "latentInputs");
  q.device.backend.enqueue("latentInputs", {
    q: q.buffer,
    kv: kv.buffer,
    norm: norm.buffer,
    keys: keys.buffer,
    positions: positions.buffer,
    cos: tables.cos.buffer,
    sin: tables.sin.buffer,
    slots: slots.buffer,
    absorbed: absorbed.buffer,
    cache: cache.buffer,
    ...{ rows, heads, nope, latent, ropeDim, slotCount: cache.shape[0] * cache.shape[1], eps },
  });
  return absorbed;
}

/** pagedLatentAttention, then each head's values [H, v, latent]: → [rows, H · v]. */
export function pagedLatentValues(
  q: Tensor,
  cache: Tensor,
  context: PagedContext,
  values: Tensor,
  scale: number,
): Tensor {
  expectRank("pagedLatentValues", "q", q, 3, "[rows, H, latent + rope]");
  const [rows, heads, width] = q.shape;
  const [, valueDim, latent] = values.shape;
  expectTensor("pagedLatentValues", "values", values, [heads, valueDim, latent], "float");
  const out = empty(q.device, [rows, heads * valueDim], q.dtype, "pagedLatentValues");
  q.device.backend.enqueue("pagedLatentValues", {
    q: q.buffer,
    cache: cache.buffer,
    blockTables: context.blockTables.buffer,
    rowSequence: context.rowSequence.buffer,
    contextLengths: context.contextLengths.buffer,
    values: values.buffer,
    out: out.buffer,
    ...{ rows, heads, latent, ropeDim: width - latent, valueDim },
    ...{ blockSize: cache.shape[1], maxBlocks: context.blockTables.shape[1], scale },
  });
  return out;
}

/** residual + x · weightᵀ: x [rows, k], weight [n, k], residual [rows, n]. */
export function linearAdd(x: Tensor, weight: Tensor, residual: Tensor): Tensor {
  const [rows, k] = x.shape;
  const n = weight.shape[0];
  expectTensor("linearAdd", "weight", weight, [n, k], "matrix");
  expectTensor("linearAdd", "residual", residual, [rows, n], "float");
  const out = empty(x.device, [rows, n], residual.dtype, "linearAdd");
  x.device.backend.enqueue("gemm", {
    a: x.buffer,
    b: weight.buffer,
    c: residual.buffer,
    bias: null,
    d: out.buffer,
    ...{ batch: 1, m: rows, n, k, lda: k, ldb: k, ldc: n, ldd: n, strideA: 0, strideB: 0, strideC: 0, strideD: 0 },
    ...{ transposeA: 0, transposeB: 1, alpha: 1, beta: 1, symmetric: 0 },
  });
  return out;
}

/** Routing of logits f32 [T, E], and what the chosen experts make of x [T, D] before their last matrix: inner [T · k, M]. */
export function routedGates(
  x: Tensor,
  logits: Tensor,
  bias: Tensor,
  experts: { readonly gate: Tensor; readonly up: Tensor },
  { k, normalize, scaling, loads }: RouteOptions,
): Routing & { readonly inner: Tensor } {
  const { device } = x;
  const [rows, dim] = x.shape;
  const [count, n] = experts.gate.shape;
  expectTensor("routedGates", "gate", experts.gate, [count, n, dim], "matrix");
  expectTensor("routedGates", "logits", logits, [rows, count], "f32");
  const indices = empty(device, [rows, k], "i32", "routedGates indices");
  const weights = empty(device, [rows, k], "f32", "routedGates weights");
  const inner = empty(device, [rows * k, n], x.dtype, "routedGates");
  device.backend.enqueue("routedGates", {
    x: x.buffer,
    logits: logits.buffer,
    bias: bias.buffer,
    gate: experts.gate.buffer,
    up: experts.up.buffer,
    indices: indices.buffer,
    weights: weights.buffer,
    loads: loads.buffer,
    y: inner.buffer,
    ...{ rows, experts: count, k, n, dim, normalize: normalize ? 1 : 0, scaling },
  });
  return { indices, weights, inner };
}

/** The routed part of {@link downProducts}. */
export interface RoutedDown {
  readonly routing: Routing;
  /** [T · k, M]. */
  readonly inner: Tensor;
  /** [E, D, M]. */
  readonly down: Tensor;
}

/** residual + the experts' last products, weighted, + down · (silu(gate) · up): residual [T, D], gate, up [T, M'], down [D, M']. */
export function downProducts(
  residual: Tensor,
  shared: { readonly gate: Tensor; readonly up: Tensor; readonly down: Tensor },
  routed: RoutedDown | null,
): Tensor {
  const [rows, dim] = residual.shape;
  const m = shared.gate.shape[1];
  expectTensor("downProducts", "down", shared.down, [dim, m], "matrix");
  const out = empty(residual.device, [rows, dim], residual.dtype, "downProducts");
  residual.device.backend.enqueue("downProducts", {
    residual: residual.buffer,
    y: routed?.inner.buffer ?? null,
    indices: routed?.routing.indices.buffer ?? null,
    weights: routed?.routing.weights.buffer ?? null,
    down: routed?.down.buffer ?? null,
    gate: shared.gate.buffer,
    up: shared.up.buffer,
    sharedDown: shared.down.buffer,
    out: out.buffer,
    ...{ rows, dim, k: routed?.routing.indices.shape[1] ?? 0, n: routed?.inner.shape[1] ?? 0, m },
  });
  return out;
}
