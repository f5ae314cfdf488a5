import type { KernelTable } from "./parameter.ts";

/** Decoding of few rows: each does what several of the others do. A backend may lack them, see `Backend.fusedRows`. Legend and conventions: index.ts. */
export const decodeKernels = {
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
} as const satisfies KernelTable;
