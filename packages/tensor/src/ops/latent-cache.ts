import { empty, type Tensor } from "../tensor.ts";
import { expectRank, expectTensor, floatOf } from "./check.ts";

/** Where rows of a batch live in a paged latent cache. All on the device. */
export interface PagedContext {
  /** i32 [sequences, maxBlocks]: the cache blocks of each sequence, in order. */
  readonly blockTables: Tensor;
  /** i32 [rows]: the sequence of each row. */
  readonly rowSequence: Tensor;
  /** i32 [rows]: how many positions each row sees, itself among them. 0: the row is padding. */
  readonly contextLengths: Tensor;
}

/** Writes rows [rows, width] of latents to cache slots i32 [rows] (−1: none). cache [blocks, blockSize, width]. */
export function writeLatentCache(x: Tensor, slots: Tensor, cache: Tensor): void {
  expectRank("writeLatentCache", "cache", cache, 3, "[blocks, blockSize, width]");
  const [blocks, blockSize, width] = cache.shape;
  const rows = slots.size;
  expectTensor("writeLatentCache", `x for cache [${cache.shape.join(", ")}]`, x, [rows, width], "float");
  expectTensor("writeLatentCache", "slots", slots, [rows], "i32");
  x.device.backend.enqueue("latentCacheWrite", {
    x: x.buffer,
    slots: slots.buffer,
    cache: cache.buffer,
    rows,
    width,
    slotCount: blocks * blockSize,
  });
}

/**
 * MLA attention in latent space (the absorbed path, DeepSeek-V2 §2.1.2): q [rows, H, latent + rope] against the paged
 * cache [blocks, blockSize, latent + rope] → [rows, H, latent]. No gradient.
 */
export function pagedLatentAttention(
  q: Tensor,
  cache: Tensor,
  context: PagedContext,
  latent: number,
  scale: number,
): Tensor {
  expectRank("pagedLatentAttention", "q", q, 3, "[rows, H, latent + rope]");
  expectRank("pagedLatentAttention", "cache", cache, 3, "[blocks, blockSize, latent + rope]");
  const [rows, heads, width] = q.shape;
  const [blocks, blockSize] = cache.shape;
  expectTensor(
    "pagedLatentAttention",
    `cache for q [${q.shape.join(", ")}]`,
    cache,
    [blocks, blockSize, width],
    "float",
  );
  expectTensor("pagedLatentAttention", "rowSequence", context.rowSequence, [rows], "i32");
  expectTensor("pagedLatentAttention", "contextLengths", context.contextLengths, [rows], "i32");
  expectRank("pagedLatentAttention", "blockTables", context.blockTables, 2, "[sequences, maxBlocks]");
  const out = empty(q.device, [rows, heads, latent], floatOf(q), "pagedLatentAttention");
  q.device.backend.enqueue("pagedLatentAttention", {
    q: q.buffer,
    cache: cache.buffer,
    blockTables: context.blockTables.buffer,
    rowSequence: context.rowSequence.buffer,
    contextLengths: context.contextLengths.buffer,
    out: out.buffer,
    rows,
    heads,
    latent,
    ropeDim: width - latent,
    blockSize,
    maxBlocks: context.blockTables.shape[1],
    scale,
  });
  return out;
}
