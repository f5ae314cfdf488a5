/**
 * The primitives of every backend: a kernel is named here, its arguments in the order in which a backend receives them.
 *
 * Legend: T tokens (rows), N routed rows (T·k), B sequences, S rows of a sequence, H heads, D model width, E experts,
 * V vocabulary, k experts per token. All arrays are dense and row-major; leading dimensions and strides count elements.
 *
 * - `in`, `out`, `inout`: a device buffer that is read, wholly overwritten in the range the kernel documents, or
 *   updated in place. A `?` allows null.
 * - `int`: a 32-bit integer, `float`: a 32-bit float. Both are fixed when a step is captured: what changes from step to
 *   step (learning rate, step number, clip factors, offsets) travels in buffers.
 * - `accumulate` (int 0 or 1): add to what the output holds instead of overwriting it.
 *
 * Kernels are deterministic for a given backend and thread count, and run in the order of their enqueueing.
 */
export const kernels = {
  // ---- Matrix products -------------------------------------------------------------------------------------------
  /**
   * D[i] = alpha · op(A[i]) · op(B[i]) + beta · C[i] + bias, for i < batch; A is [m, k] ([k, m] if transposeA), B is
   * [k, n] ([n, k] if transposeB), C and D are [m, n], bias is [n]. `c` may equal `d`; null counts as zero.
   * `symmetric`: the caller knows that D is symmetric, the backend may compute one triangle and mirror it.
   */
  gemm: {
    a: "in",
    b: "in",
    c: "in?",
    bias: "in?",
    d: "inout",
    batch: "int",
    m: "int",
    n: "int",
    k: "int",
    lda: "int",
    ldb: "int",
    ldc: "int",
    ldd: "int",
    strideA: "int",
    strideB: "int",
    strideC: "int",
    strideD: "int",
    transposeA: "int",
    transposeB: "int",
    alpha: "float",
    beta: "float",
    symmetric: "int",
  },
  /**
   * y[r] = x[r] · op(w[e]) for the rows r of expert e: offsets[e] ≤ r < offsets[e + 1]. x [rows, k], y [rows, n],
   * offsets i32 [E + 1]; w is [E, n, k] if transposeW, else [E, k, n]. Rows from offsets[E] on are left as they are.
   */
  groupedGemm: {
    x: "in",
    w: "in",
    y: "inout",
    offsets: "in",
    rows: "int",
    experts: "int",
    n: "int",
    k: "int",
    transposeW: "int",
    accumulate: "int",
  },
  /** dw[e] = Σ_r dy[r]ᵀ · x[r] over the rows of expert e. dy [rows, n], x [rows, k], dw [E, n, k]. */
  groupedGemmWeightGrad: {
    dy: "in",
    x: "in",
    dw: "inout",
    offsets: "in",
    rows: "int",
    experts: "int",
    n: "int",
    k: "int",
    accumulate: "int",
  },

  // ---- Normalization ---------------------------------------------------------------------------------------------
  /** y = x · rstd · weight, rstd = 1/√(mean(x²) + eps). x, y [rows, dim]; weight [dim]; rstd [rows]. */
  rmsNormForward: { x: "in", weight: "in", y: "out", rstd: "out", rows: "int", dim: "int", eps: "float" },
  /** dx [rows, dim] (null to skip) and dweight [dim] (null to skip), each with its own accumulate flag. */
  rmsNormBackward: {
    dy: "in",
    x: "in",
    weight: "in",
    rstd: "in",
    dx: "inout?",
    dweight: "inout?",
    rows: "int",
    dim: "int",
    accumulateX: "int",
    accumulateWeight: "int",
  },
  /** y = (x − mean) · rstd · weight + bias. mean, rstd [rows]; bias may be null. */
  layerNormForward: {
    x: "in",
    weight: "in",
    bias: "in?",
    y: "out",
    mean: "out",
    rstd: "out",
    rows: "int",
    dim: "int",
    eps: "float",
  },
  layerNormBackward: {
    dy: "in",
    x: "in",
    weight: "in",
    mean: "in",
    rstd: "in",
    dx: "inout?",
    dweight: "inout?",
    dbias: "inout?",
    rows: "int",
    dim: "int",
    accumulateX: "int",
    accumulateWeight: "int",
    accumulateBias: "int",
  },

  // ---- Attention -------------------------------------------------------------------------------------------------
  /**
   * Rotary embedding of interleaved pairs (x[2i], x[2i+1]) in the columns start … start + ropeDim of every head; the
   * other columns are copied. x, y [rows, heads, headDim]; positions i32 [rows]; cos, sin [maxPositions, ropeDim / 2].
   * `inverse` rotates back (the backward pass). `accumulate` adds to y.
   */
  rope: {
    x: "in",
    y: "inout",
    positions: "in",
    cos: "in",
    sin: "in",
    rows: "int",
    heads: "int",
    headDim: "int",
    start: "int",
    ropeDim: "int",
    maxPositions: "int",
    inverse: "int",
    accumulate: "int",
  },
  /**
   * Attention over packed sequences. q, k [B, S, H, Dqk], v, out [B, S, H, Dv], documents i32 [B, S]: within a sequence
   * non-decreasing document ids; a query sees the keys of its own document (up to itself if causal).
   * lse [B, H, S] = log Σ exp(scale · q·k); rowMax [B, H, S] = max over visible keys of scale · q·k (for QK-Clip).
   */
  attentionForward: {
    q: "in",
    k: "in",
    v: "in",
    documents: "in",
    out: "out",
    lse: "out",
    rowMax: "out",
    batch: "int",
    sequence: "int",
    heads: "int",
    qkDim: "int",
    vDim: "int",
    scale: "float",
    causal: "int",
  },
  /** dq, dk, dv overwritten. delta [B, H, S] is workspace: rowsum(dout ∘ out). */
  attentionBackward: {
    dout: "in",
    q: "in",
    k: "in",
    v: "in",
    out: "in",
    documents: "in",
    lse: "in",
    delta: "out",
    dq: "out",
    dk: "out",
    dv: "out",
    batch: "int",
    sequence: "int",
    heads: "int",
    qkDim: "int",
    vDim: "int",
    scale: "float",
    causal: "int",
  },
  /** Writes latent rows [rows, width] to cache slots: cache[slots[r]] = x[r]; slot −1 skips the row. cache [slotCount, width]. */
  latentCacheWrite: { x: "in", slots: "in", cache: "inout", rows: "int", width: "int", slotCount: "int" },
  /**
   * MLA attention in latent space over a paged cache (absorbed path). q [rows, H, latent + rope]; cache
   * [blocks, blockSize, latent + rope]; blockTables i32 [sequences, maxBlocks]; row r belongs to sequence
   * rowSequence[r] and sees its first contextLengths[r] positions (0: out row = 0). out [rows, H, latent] =
   * Σ softmax(scale · q·c) · c[:latent].
   */
  pagedLatentAttention: {
    q: "in",
    cache: "in",
    blockTables: "in",
    rowSequence: "in",
    contextLengths: "in",
    out: "out",
    rows: "int",
    heads: "int",
    latent: "int",
    ropeDim: "int",
    blockSize: "int",
    maxBlocks: "int",
    scale: "float",
  },

  // ---- Activations and elementwise -------------------------------------------------------------------------------
  /** y = silu(gate) · up, n elements. */
  swigluForward: { gate: "in", up: "in", y: "out", n: "int" },
  /** dgate, dup overwritten; they may be the same buffers as gate and up. */
  swigluBackward: { dy: "in", gate: "in", up: "in", dgate: "out", dup: "out", n: "int" },
  /** y = f(x) over n elements; `op` is an index into `unaryOps`. y may equal x. */
  unary: { x: "in", y: "out", n: "int", op: "int" },
  /** dx (+)= dy · f′(x), given x and y = f(x). */
  unaryBackward: { dy: "in", x: "in", y: "in", dx: "inout", n: "int", op: "int", accumulate: "int" },
  /**
   * y[r, c] = a ∘ b; `op` is an index into `binaryOps`; a at r·aRow + c·aColumn (a stride of 0 broadcasts), b likewise;
   * y [rows, columns] dense, and may equal a dense a or b.
   */
  binary: {
    a: "in",
    b: "in",
    y: "out",
    rows: "int",
    columns: "int",
    aRow: "int",
    aColumn: "int",
    bRow: "int",
    bColumn: "int",
    op: "int",
  },
  /** y = alpha · x + beta · y, n elements. beta = 0 never reads y. */
  axpby: { x: "in", y: "inout", n: "int", alpha: "float", beta: "float" },
  /** y (+)= x · s[0] · alpha, with s a device scalar. y may equal x if accumulate is 0. */
  scaleByScalar: { x: "in", scalar: "in", y: "inout", n: "int", alpha: "float", accumulate: "int" },
  /** Sets n 32-bit elements to a float value. */
  fill: { y: "out", n: "int", value: "float" },
  /** Sets n 32-bit elements to an integer value. */
  fillInt: { y: "out", n: "int", value: "int" },
  /**
   * dst[i·dst0 + j·dst1 + c + dstOffset] (+)= src[i·src0 + j·src1 + c + srcOffset] for i < n0, j < n1, c < n2. 32-bit
   * elements of any dtype (accumulate: f32 only). A source stride of 0 broadcasts. Serves slice, concatenate, expand.
   */
  copy3d: {
    src: "in",
    dst: "inout",
    n0: "int",
    n1: "int",
    n2: "int",
    srcOffset: "int",
    src0: "int",
    src1: "int",
    dstOffset: "int",
    dst0: "int",
    dst1: "int",
    accumulate: "int",
  },
  /** Rounds f32 to bf16 (to nearest, ties to even), n elements. */
  castF32ToBf16: { x: "in", y: "out", n: "int" },
  castBf16ToF32: { x: "in", y: "out", n: "int" },

  // ---- Reductions and softmax ------------------------------------------------------------------------------------
  /** y[o, i] (+)= reduction over a of x[o, a, i]; `op` is an index into `reduceOps`. accumulate for sums only. */
  reduce: { x: "in", y: "inout", outer: "int", axis: "int", inner: "int", op: "int", accumulate: "int" },
  /** y[0] (+)= Σ x² over n elements, in an order that does not depend on the thread count. `partials` f32 [256] is workspace. */
  sumSquares: { x: "in", partials: "out", y: "inout", n: "int", accumulate: "int" },
  softmaxForward: { x: "in", y: "out", rows: "int", columns: "int" },
  softmaxBackward: { dy: "in", y: "in", dx: "inout", rows: "int", columns: "int", accumulate: "int" },

  // ---- Losses ----------------------------------------------------------------------------------------------------
  /** count[0] = number of targets that are not `ignore`, as f32, and inverse[0] = 1 / max(count, 1). */
  countTargets: { targets: "in", count: "out", inverse: "out", n: "int", ignore: "int" },
  /**
   * Softmax cross-entropy: loss[r] = lse − x[t] + zLoss · lse² (0 if ignored), and dx [rows, V], which may be x, is dloss/dx (0 if
   * ignored), not yet divided by the count. x [rows, V]; targets i32 [rows].
   */
  crossEntropy: {
    x: "in",
    targets: "in",
    loss: "out",
    dx: "out?",
    rows: "int",
    vocab: "int",
    ignore: "int",
    zLoss: "float",
  },
  /** loss = max(x, 0) − x·t + log(1 + exp(−|x|)), n elements. */
  bceForward: { x: "in", target: "in", loss: "out", n: "int" },
  /** dx (+)= dy · (sigmoid(x) − t). */
  bceBackward: { dy: "in", x: "in", target: "in", dx: "inout", n: "int", accumulate: "int" },

  // ---- Embedding and gather --------------------------------------------------------------------------------------
  /** y[r] = table[ids[r]]. table [V, dim]; ids i32 [rows]. An id outside 0 … V−1 gives zeros. */
  gatherRows: { table: "in", ids: "in", y: "out", rows: "int", dim: "int", vocab: "int" },
  /** dtable[ids[r]] += dy[r], in the order of the rows. Ids outside the table are skipped. */
  scatterAddRows: { dy: "in", ids: "in", dtable: "inout", rows: "int", dim: "int", vocab: "int" },
  /** y[r, j] = x[r, index[r, j]]. x [rows, columns]; index i32, y [rows, k]. */
  gatherColumns: { x: "in", index: "in", y: "out", rows: "int", columns: "int", k: "int" },
  /** dx[r, index[r, j]] += dy[r, j]. */
  scatterAddColumns: { dy: "in", index: "in", dx: "inout", rows: "int", columns: "int", k: "int" },

  // ---- Mixture of experts ----------------------------------------------------------------------------------------
  /**
   * Router of DeepSeek-V3 / K2: scores = sigmoid(logits) [T, E]; indices i32 [T, k] = top-k of scores + bias (ties: the
   * lower index; in descending order of the biased score); weights [T, k] = scores at the indices, divided by
   * (their sum + 1e-20) if `normalize`, times `scaling`. loads f32 [E] += rows per expert.
   */
  routeForward: {
    logits: "in",
    bias: "in",
    scores: "out",
    indices: "out",
    weights: "out",
    loads: "inout",
    rows: "int",
    experts: "int",
    k: "int",
    normalize: "int",
    scaling: "float",
  },
  /** dlogits [T, E] (+)= gradient through weights; zero for experts not chosen. */
  routeBackward: {
    dweights: "in",
    scores: "in",
    indices: "in",
    dlogits: "inout",
    rows: "int",
    experts: "int",
    k: "int",
    normalize: "int",
    scaling: "float",
    accumulate: "int",
  },
  /**
   * Stable counting sort of N = T·k choices by expert: offsets i32 [E + 1]; order i32 [N]: order[r] = choice (t·k + j)
   * at sorted row r; inverse i32 [N]: inverse[choice] = sorted row.
   */
  sortByExpert: { indices: "in", offsets: "out", order: "out", inverse: "out", n: "int", experts: "int" },
  /** y[r] = x[order[r] / k], r < N. x [T, dim], y [N, dim]. */
  permute: { x: "in", order: "in", y: "out", n: "int", dim: "int", k: "int" },
  /** dx[t] (+)= Σ_j dy[inverse[t·k + j]]. */
  permuteBackward: { dy: "in", inverse: "in", dx: "inout", rows: "int", dim: "int", k: "int", accumulate: "int" },
  /** out[t] (+)= Σ_j weights[t, j] · y[inverse[t·k + j]]. out [T, dim]. */
  unpermute: {
    y: "in",
    weights: "in",
    inverse: "in",
    out: "inout",
    rows: "int",
    dim: "int",
    k: "int",
    accumulate: "int",
  },
  /** dy[inverse[c]] = weights[c] · dout[c / k] and dweights[c] = dout[c / k] · y[inverse[c]], for c < T·k. */
  unpermuteBackward: {
    dout: "in",
    y: "in",
    weights: "in",
    inverse: "in",
    dy: "out",
    dweights: "out",
    rows: "int",
    dim: "int",
    k: "int",
  },
  /** bias += delta, delta = rate · sign(mean(loads) − loads), minus its mean; then loads = 0. Both [E]. */
  balanceBias: { bias: "inout", loads: "inout", experts: "int", rate: "float" },

  // ---- Random numbers --------------------------------------------------------------------------------------------
  /**
   * Philox4x32-10 (Salmon et al. 2011). state i32 [4]: key (low, high), counter words 2 and 3. Element i uses word i % 4 of
   * block i / 4 + offset (counter words 0 and 1, 64-bit: offset·2^0 in word 0, `stream` in word 1).
   * y[i] = (word >>> 8) · 2⁻²⁴.
   */
  randomUniform: { state: "in", y: "out", n: "int", stream: "int" },
  /** y (+)= x · (u ≥ p) / (1 − p) with u as in randomUniform. The backward pass is the same kernel on dy. */
  dropout: { x: "in", state: "in", y: "inout", n: "int", stream: "int", p: "float", accumulate: "int" },

  // ---- Optimizers (hyper-parameters are device buffers) ------------------------------------------------------------
  /**
   * hyper f32 [8]: learning rate, weight decay, β1, β2, 1 − β1ᵗ, 1 − β2ᵗ, eps, gradient scale. g is read as
   * g · hyper[7] · clip[0]. w −= lr · (m̂ / (√v̂ + eps) + weightDecay · w).
   */
  adamw: { w: "inout", g: "in", m: "inout", v: "inout", hyper: "in", clip: "in", n: "int", decay: "int" },
  /**
   * hyper f32 [4]: learning rate, weight decay, momentum, gradient scale. g' = g · hyper[3] · clip[0];
   * momentum = μ · momentum + g'; out = nesterov ? g' + μ · momentum : momentum.
   */
  muonMomentum: { g: "in", momentum: "inout", out: "out", hyper: "in", clip: "in", n: "int", nesterov: "int" },
  /** x[i] /= safety · ‖x[i]‖_F + eps, for i < batch; x [batch, n]. */
  normalizeFrobenius: { x: "inout", batch: "int", n: "int", safety: "float", eps: "float" },
  /** w −= lr · (scale · o + weightDecay · w), hyper as in muonMomentum. */
  muonUpdate: { w: "inout", o: "in", hyper: "in", n: "int", scale: "float" },
  /** clip[0] = min(1, maxNorm / (norm[0] + 1e-6)); maxNorm 0: clip[0] = 1. norm[0] = √normSquared[0] · gradScale. */
  clipFactor: { normSquared: "in", clip: "out", norm: "out", gradScale: "float", maxNorm: "float" },
  /**
   * QK-Clip (K2 report, Algorithm 1): γ_h = min(1, tau / maxLogits[h]); rows
   * h·rowsPerHead + start … + count of w [H·rowsPerHead, columns] are multiplied by γ_h (power 1) or √γ_h (power 0).
   */
  qkClip: {
    w: "inout",
    maxLogits: "in",
    heads: "int",
    rowsPerHead: "int",
    start: "int",
    count: "int",
    columns: "int",
    tau: "float",
    power: "int",
  },

  // ---- Decoding of few rows: each does what several of the above do. A backend may lack them, see `Backend.fused` ----
  /**
   * normed = x · rstd · weight as rmsNormForward, and y_i = normed · w_iᵀ. x, normed [rows, dim]; w_i [n_i, dim], y_i [rows, n_i]. Those that
   * are null have n_i = 0.
   */
  normProducts: {
    x: "in",
    weight: "in",
    normed: "out?",
    w0: "in",
    w1: "in?",
    w2: "in?",
    y0: "out",
    y1: "out?",
    y2: "out?",
    rows: "int",
    dim: "int",
    n0: "int",
    n1: "int",
    n2: "int",
    eps: "float",
  },
  /**
   * MLA's projections taken into latent space. q [rows, H, nope + rope], kv [rows, latent + rope]; keys [H, latent, nope]. absorbed
   * [rows, H, latent + rope] = keys_h · q_nope beside the rotated q_rope; cache [slotCount, latent + rope] at slots[r] (−1: nowhere) =
   * rmsNorm of kv's latent beside its rotated rest. positions, cos, sin as in rope.
   */
  latentInputs: {
    q: "in",
    kv: "in",
    norm: "in",
    keys: "in",
    positions: "in",
    cos: "in",
    sin: "in",
    slots: "in",
    absorbed: "out",
    cache: "inout",
    rows: "int",
    heads: "int",
    nope: "int",
    latent: "int",
    ropeDim: "int",
    slotCount: "int",
    eps: "float",
  },
  /** out [rows, H, v] = values_h · (what pagedLatentAttention gives), values [H, v, latent]. */
  pagedLatentValues: {
    q: "in",
    cache: "in",
    blockTables: "in",
    rowSequence: "in",
    contextLengths: "in",
    values: "in",
    out: "out",
    rows: "int",
    heads: "int",
    latent: "int",
    ropeDim: "int",
    valueDim: "int",
    blockSize: "int",
    maxBlocks: "int",
    scale: "float",
  },
  /**
   * Routes as routeForward, and y[t·k + j] = silu(gate_e · x[t]) · (up_e · x[t]) for the j-th expert e of token t. x [T, dim]; gate, up
   * [E, n, dim]; y [T·k, n]; k ≤ 32, E ≤ 512.
   */
  routedGates: {
    x: "in",
    logits: "in",
    bias: "in",
    gate: "in",
    up: "in",
    indices: "out",
    weights: "out",
    loads: "inout",
    y: "out",
    rows: "int",
    experts: "int",
    k: "int",
    n: "int",
    dim: "int",
    normalize: "int",
    scaling: "float",
  },
  /**
   * out[t] = residual[t] + Σ_j weights[t, j] · down_e · y[t·k + j] + sharedDown · (silu(gate[t]) · up[t]), e = indices[t, j]. down [E, dim, n],
   * y [T·k, n]; gate, up [T, m], sharedDown [dim, m]. k = 0, and nulls: without experts, as a dense feed-forward.
   */
  downProducts: {
    residual: "in",
    y: "in?",
    indices: "in?",
    weights: "in?",
    down: "in?",
    gate: "in",
    up: "in",
    sharedDown: "in",
    out: "out",
    rows: "int",
    dim: "int",
    k: "int",
    n: "int",
    m: "int",
  },
} as const satisfies Record<string, Record<string, ParameterKind>>;

/** What an argument of a kernel is. See {@link kernels}. */
export type ParameterKind = "in" | "in?" | "out" | "out?" | "inout" | "inout?" | "int" | "float";

export type KernelName = keyof typeof kernels;

/** The kernels that a backend may lack. They stand last in the table. */
export const fusedKernels = [
  "normProducts",
  "latentInputs",
  "pagedLatentValues",
  "routedGates",
  "downProducts",
] as const satisfies readonly KernelName[];

export type FusedKernelName = (typeof fusedKernels)[number];

type Argument<Kind, Handle> = Kind extends "int" | "float"
  ? number
  : Kind extends "in?" | "out?" | "inout?"
    ? Handle | null
    : Handle;

/** The arguments of kernel K, with buffers of type Handle. */
export type KernelArguments<K extends KernelName, Handle> = {
  readonly [P in keyof (typeof kernels)[K]]: Argument<(typeof kernels)[K][P], Handle>;
};

/** `unary` ops, by index. gelu is the tanh approximation. */
export const unaryOps = [
  "neg",
  "exp",
  "log",
  "sqrt",
  "rsqrt",
  "square",
  "reciprocal",
  "tanh",
  "sigmoid",
  "silu",
  "relu",
  "gelu",
  "abs",
] as const;
export type UnaryOp = (typeof unaryOps)[number];

/** `binary` ops, by index. */
export const binaryOps = ["add", "sub", "mul", "div", "max", "min"] as const;
export type BinaryOp = (typeof binaryOps)[number];

/** `reduce` ops, by index. */
export const reduceOps = ["sum", "mean", "max", "min"] as const;
export type ReduceOp = (typeof reduceOps)[number];
