import type { KernelTable } from "./parameter.ts";

/** Attention. Legend and conventions: index.ts. */
export const attentionKernels = {
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
} as const satisfies KernelTable;
