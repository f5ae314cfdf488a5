import type { BlockId, Tier } from "../conductor/types.ts";

/** Who goes first when a tier is full. `length-aware` is LFU that, among equals, lets the later block of a prompt go (arXiv 2407.00079, Table 1). */
export type EvictionName = "lru" | "lfu" | "length-aware";

/** Told of each change, in order; what a worker sends as `stored` and `removed` events. A move between tiers is stored, then removed. */
export interface PoolListener {
  stored(block: BlockId, tier: Tier): void;
  removed(block: BlockId, tier: Tier): void;
}

export interface PoolOptions {
  /** Blocks per tier; 0 or absent: the tier is not there. At least one tier is. */
  readonly capacity: { readonly [tier in Tier]?: number };
  /** Default `lru`. */
  readonly eviction?: EvictionName;
  readonly listener?: PoolListener;
}

/**
 * A worker's KV blocks. Each is in one tier: it enters the first, is demoted when that is full, and leaves from the last.
 * A use brings it back to the first. A pinned block neither moves nor goes; a leased one does not until the lease is over.
 */
export interface KvPool {
  /** Blocks held. */
  readonly size: number;
  sizeOf(tier: Tier): number;
  capacityOf(tier: Tier): number;
  has(block: BlockId): boolean;
  tierOf(block: BlockId): Tier | undefined;
  /** How many leading blocks are held, in any tier. Changes nothing. */
  prefixLength(blocks: ArrayLike<BlockId>): number;
  /** How many of the first `count` blocks are in `tier`. */
  countIn(tier: Tier, blocks: ArrayLike<BlockId>, count: number): number;
  /** Counts a use of blocks `from` … `to` − 1 and brings them to the first tier; those not held are passed over. */
  use(blocks: ArrayLike<BlockId>, from: number, to: number, nowMs: number): void;
  /**
   * Stores blocks `from` … `to` − 1 in the first tier, evicting as needed; one that is held already counts as used.
   * @returns how many of them are held after it: it stops at the first for which nothing can go.
   */
  store(blocks: ArrayLike<BlockId>, from: number, to: number, nowMs: number): number;
  /** Keeps held blocks `from` … `to` − 1 until as many {@link unpin}. @throws RangeError if one is not held; then none is pinned. */
  pin(blocks: ArrayLike<BlockId>, from: number, to: number): void;
  /** @throws RangeError if one is not pinned; then none is unpinned. */
  unpin(blocks: ArrayLike<BlockId>, from: number, to: number): void;
  /** Keeps held blocks until a time, at least; for a reader that may die. Never shortens a lease. */
  lease(blocks: ArrayLike<BlockId>, from: number, to: number, untilMs: number): void;
  /** Removes a block. @returns false if it is not held, or pinned. */
  remove(block: BlockId): boolean;
  /** Removes all that are not pinned. */
  clear(): void;
  /** @throws Error naming the first broken invariant. */
  checkIntegrity(): void;
}
