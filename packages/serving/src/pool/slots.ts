import type { BlockId } from "../conductor/types.ts";
import { IntMap } from "./int-map.ts";

/** A slot per held block: columns that grow with use, since a pool's capacity may be far above what it ever holds. */
export class Slots {
  block = new Int32Array(64);
  tier = new Uint8Array(64);
  pins = new Int32Array(64);
  uses = new Uint32Array(64);
  /** Place of the block in its prompt. */
  position = new Int32Array(64);
  /** Number of the last use; greater is later. */
  stamp = new Float64Array(64);
  leaseUntil = new Float64Array(64);
  readonly byBlock = new IntMap();
  private readonly free: number[] = [];
  private limit = 0;

  /** −1: it is not held. */
  of(block: BlockId): number {
    return this.byBlock.get(block);
  }

  take(block: BlockId): number {
    const slot = this.free.pop() ?? this.limit++;
    if (slot >= this.block.length) this.grow();
    this.block[slot] = block;
    this.pins[slot] = 0;
    this.uses[slot] = 0;
    this.leaseUntil[slot] = Number.NEGATIVE_INFINITY;
    this.byBlock.add(block, slot);
    return slot;
  }

  give(slot: number): void {
    this.byBlock.delete(this.block[slot]);
    this.free.push(slot);
  }

  private grow(): void {
    const room = this.block.length * 2;
    const copy = <T extends Int32Array | Uint32Array | Uint8Array | Float64Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    this.block = copy(this.block, new Int32Array(room));
    this.tier = copy(this.tier, new Uint8Array(room));
    this.pins = copy(this.pins, new Int32Array(room));
    this.uses = copy(this.uses, new Uint32Array(room));
    this.position = copy(this.position, new Int32Array(room));
    this.stamp = copy(this.stamp, new Float64Array(room));
    this.leaseUntil = copy(this.leaseUntil, new Float64Array(room));
  }
}
