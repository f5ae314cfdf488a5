import { type BlockId, type Tier, tiers } from "../conductor/types.ts";
import { type EvictionOrder, evictionOrders } from "./eviction.ts";
import { SlotHeap } from "./heap.ts";
import { SlotList } from "./list.ts";
import { Slots } from "./slots.ts";
import type { KvPool, PoolListener, PoolOptions } from "./types.ts";

/**
 * Makes a worker's pool.
 *
 * @throws RangeError if a capacity is not an integer ≥ 0, or all are 0.
 *
 * @example
 * const pool = createPool({ capacity: { dram: 1000 }, eviction: "lru" });
 * pool.store([7, 8, 9], 0, 3, 0);
 * pool.prefixLength([7, 8, 4]); // 2
 */
export function createPool(options: PoolOptions): KvPool {
  return new TieredPool(options);
}

class TieredPool implements KvPool {
  private readonly levels: readonly Tier[];
  private readonly capacities: readonly number[];
  private readonly sizes: number[];
  /** Unpinned, unleased slots per tier, and the leased ones by the lease's end. */
  private readonly evictable: readonly (SlotHeap | SlotList)[];
  private readonly leased = new SlotHeap();
  private readonly slots = new Slots();
  private readonly order: EvictionOrder;
  private readonly listener: PoolListener | undefined;
  /** Scratch of `place`: the slots of its blocks. */
  private placed = new Int32Array(64);
  private stamps = 0;
  private nowMs = Number.NEGATIVE_INFINITY;

  constructor({ capacity, eviction = "lru", listener }: PoolOptions) {
    for (const tier of tiers) {
      const blocks = capacity[tier] ?? 0;
      if (!Number.isInteger(blocks) || blocks < 0) {
        throw new RangeError(`capacity.${tier} is ${blocks}; it must be an integer ≥ 0, in blocks`);
      }
    }
    this.levels = tiers.filter((tier) => (capacity[tier] ?? 0) > 0);
    if (this.levels.length === 0) throw new RangeError("capacity: at least one tier must hold a block");
    if (!(eviction in evictionOrders)) {
      throw new RangeError(`eviction is ${eviction}; known are ${Object.keys(evictionOrders).join(", ")}`);
    }
    this.capacities = this.levels.map((tier) => capacity[tier] as number);
    this.sizes = this.levels.map(() => 0);
    // The order of last use is that in which it is told: a list does.
    this.evictable = this.levels.map(() => (eviction === "lru" ? new SlotList() : new SlotHeap()));
    this.order = evictionOrders[eviction];
    this.listener = listener;
  }

  get size(): number {
    return this.slots.byBlock.size;
  }

  sizeOf(tier: Tier): number {
    return this.sizes[this.levels.indexOf(tier)] ?? 0;
  }

  capacityOf(tier: Tier): number {
    return this.capacities[this.levels.indexOf(tier)] ?? 0;
  }

  has(block: BlockId): boolean {
    return this.slots.of(block) >= 0;
  }

  tierOf(block: BlockId): Tier | undefined {
    const slot = this.slots.of(block);
    return slot < 0 ? undefined : this.levels[this.slots.tier[slot]];
  }

  prefixLength(blocks: ArrayLike<BlockId>): number {
    let held = 0;
    while (held < blocks.length && this.slots.of(blocks[held]) >= 0) held++;
    return held;
  }

  countIn(tier: Tier, blocks: ArrayLike<BlockId>, count: number): number {
    const level = this.levels.indexOf(tier);
    let found = 0;
    for (let i = 0; i < count; i++) {
      const slot = this.slots.of(blocks[i]);
      if (slot >= 0 && this.slots.tier[slot] === level) found++;
    }
    return found;
  }

  use(blocks: ArrayLike<BlockId>, from: number, to: number, nowMs: number): void {
    this.place(blocks, from, to, nowMs, false);
  }

  store(blocks: ArrayLike<BlockId>, from: number, to: number, nowMs: number): number {
    return this.place(blocks, from, to, nowMs, true);
  }

  pin(blocks: ArrayLike<BlockId>, from: number, to: number): void {
    for (let i = from; i < to; i++) {
      if (!this.has(blocks[i])) throw new RangeError(`pin: block ${blocks[i]} (number ${i} of the prompt) is not held`);
    }
    for (let i = from; i < to; i++) this.hold(this.slots.of(blocks[i]));
  }

  unpin(blocks: ArrayLike<BlockId>, from: number, to: number): void {
    for (let i = from; i < to; i++) {
      const slot = this.slots.of(blocks[i]);
      if (slot < 0 || this.slots.pins[slot] === 0) {
        throw new RangeError(`unpin: block ${blocks[i]} (number ${i} of the prompt) is not pinned`);
      }
    }
    // The last first: it is the first to go, so each finds its place in the order at once.
    for (let i = to - 1; i >= from; i--) this.letGo(this.slots.of(blocks[i]));
  }

  lease(blocks: ArrayLike<BlockId>, from: number, to: number, untilMs: number): void {
    if (Number.isNaN(untilMs)) throw new RangeError("lease: untilMs is not a number");
    for (let i = from; i < to; i++) {
      const slot = this.slots.of(blocks[i]);
      if (slot < 0 || this.slots.leaseUntil[slot] >= untilMs) continue;
      this.slots.leaseUntil[slot] = untilMs;
      if (this.leased.has(slot)) this.leased.set(slot, untilMs, 0);
    }
  }

  remove(block: BlockId): boolean {
    const slot = this.slots.of(block);
    if (slot < 0 || this.slots.pins[slot] > 0) return false;
    this.unlist(slot);
    this.sizes[this.slots.tier[slot]]--;
    this.slots.give(slot);
    this.listener?.removed(block, this.levels[this.slots.tier[slot]]);
    return true;
  }

  clear(): void {
    for (const [block] of this.slots.byBlock.entries()) this.remove(block);
  }

  checkIntegrity(): void {
    const sizes = this.levels.map(() => 0);
    for (const heap of [...this.evictable, this.leased]) heap.checkIntegrity();
    let listed = 0;
    for (const [block, slot] of this.slots.byBlock.entries()) {
      if (this.slots.block[slot] !== block) throw new Error(`pool: slot ${slot} is not of block ${block}`);
      const level = this.slots.tier[slot];
      sizes[level]++;
      const places = [...this.evictable, this.leased].filter((heap) => heap.has(slot)).length;
      const wanted = this.slots.pins[slot] > 0 ? 0 : 1;
      if (places !== wanted) throw new Error(`pool: block ${block} is in ${places} queues, not ${wanted}`);
      if (wanted && !this.evictable[level].has(slot) && !this.leased.has(slot)) {
        throw new Error(`pool: block ${block} is queued in another tier`);
      }
      listed += wanted;
    }
    const queued = this.leased.size + this.evictable.reduce((sum, heap) => sum + heap.size, 0);
    if (queued !== listed) throw new Error(`pool: ${queued} slots are queued, ${listed} blocks are unpinned`);
    this.levels.forEach((tier, level) => {
      if (sizes[level] !== this.sizes[level])
        throw new Error(`pool: ${tier} counts ${this.sizes[level]}, has ${sizes[level]}`);
      if (sizes[level] > this.capacities[level])
        throw new Error(`pool: ${tier} holds ${sizes[level]} blocks, too many`);
    });
  }

  /** Uses the blocks that are held and, with `stores`, stores the others, until one finds no room. @returns how many it came to. */
  private place(blocks: ArrayLike<BlockId>, from: number, to: number, nowMs: number, stores: boolean): number {
    this.advance(nowMs);
    const stamp = this.nextStamps(to - from);
    if (to - from > this.placed.length) this.placed = new Int32Array(2 * (to - from));
    const { slots, placed } = this;
    let end = from;
    for (; end < to; end++) {
      let slot = slots.of(blocks[end]);
      if (slot >= 0) this.touch(slot, stamp + to - end);
      else if (stores) {
        if (!this.makeRoom(0)) break;
        slot = slots.take(blocks[end]);
        slots.tier[slot] = 0;
        slots.position[slot] = end;
        slots.stamp[slot] = stamp + to - end;
        slots.uses[slot] = 1;
        this.sizes[0]++;
        this.listener?.stored(blocks[end], this.levels[0]);
      }
      // Not queued until all are placed: a prompt must not evict its own beginning.
      placed[end - from] = slot;
    }
    // Last block first, in the order of their stamps.
    for (let i = end - from - 1; i >= 0; i--) if (placed[i] >= 0 && slots.pins[placed[i]] === 0) this.list(placed[i]);
    return end - from;
  }

  private advance(nowMs: number): void {
    if (!(nowMs >= this.nowMs)) throw new RangeError(`time goes backwards: nowMs is ${nowMs} after ${this.nowMs}`);
    this.nowMs = nowMs;
  }

  private nextStamps(count: number): number {
    const stamp = this.stamps;
    this.stamps += count;
    return stamp;
  }

  private hold(slot: number): void {
    if (this.slots.pins[slot]++ === 0) this.unlist(slot);
  }

  private letGo(slot: number): void {
    if (--this.slots.pins[slot] === 0) this.list(slot);
  }

  private list(slot: number): void {
    const { uses, position, stamp } = this.slots;
    this.evictable[this.slots.tier[slot]].set(
      slot,
      this.order.major(uses[slot], position[slot], stamp[slot]),
      this.order.minor(uses[slot], position[slot], stamp[slot]),
    );
  }

  private unlist(slot: number): void {
    this.evictable[this.slots.tier[slot]].remove(slot);
    this.leased.remove(slot);
  }

  private touch(slot: number, stamp: number): void {
    this.slots.uses[slot]++;
    this.slots.stamp[slot] = stamp;
    this.unlist(slot);
    if (this.slots.pins[slot] === 0 && this.slots.tier[slot] > 0) this.promote(slot);
  }

  /** Brings a slot that is not queued to the first tier, if there is room. */
  private promote(slot: number): void {
    const level = this.slots.tier[slot];
    // Its place below is free for what must make way above.
    this.sizes[level]--;
    if (this.makeRoom(0)) {
      this.slots.tier[slot] = 0;
      this.sizes[0]++;
      this.listener?.stored(this.slots.block[slot], this.levels[0]);
      this.listener?.removed(this.slots.block[slot], this.levels[level]);
    } else this.sizes[level]++;
  }

  /** @returns false if the tier is full of pinned and leased blocks. */
  private makeRoom(level: number): boolean {
    if (this.sizes[level] < this.capacities[level]) return true;
    const slot = this.victim(level);
    if (slot < 0) return false;
    this.evictable[level].remove(slot);
    const block = this.slots.block[slot];
    const below = level + 1;
    const demoted = below < this.levels.length && this.makeRoom(below);
    this.sizes[level]--;
    if (demoted) {
      this.slots.tier[slot] = below;
      this.sizes[below]++;
      this.list(slot);
      this.listener?.stored(block, this.levels[below]);
    } else this.slots.give(slot);
    this.listener?.removed(block, this.levels[level]);
    return true;
  }

  /** The block of a tier that goes next, or −1. Leased ones are set aside until their time, each once. */
  private victim(level: number): number {
    for (
      let slot = this.leased.peek();
      slot >= 0 && this.leased.majorOf(slot) <= this.nowMs;
      slot = this.leased.peek()
    ) {
      this.leased.remove(slot);
      this.list(slot);
    }
    for (;;) {
      const slot = this.evictable[level].peek();
      if (slot < 0 || this.slots.leaseUntil[slot] <= this.nowMs) return slot;
      this.evictable[level].remove(slot);
      this.leased.set(slot, this.slots.leaseUntil[slot], 0);
    }
  }
}
