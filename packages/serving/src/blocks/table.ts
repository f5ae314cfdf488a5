import type { BlockId } from "../conductor/types.ts";
import { nameWords } from "./hash.ts";

/**
 * Gives wide block names dense ids, and takes back those of blocks that nobody holds.
 * Open addressing over typed arrays, 24–32 bytes a block: a Map of strings takes four times as much.
 */
export class BlockTable {
  /** Name words by id. */
  private names = new Uint32Array(1024 * nameWords);
  /** 0: free; 1: not seen since the last sweep; 2: seen. By id. */
  private seen = new Uint8Array(1024);
  /** id + 1, or 0; a power of two long, at most half full. */
  private slots = new Int32Array(2048);
  private readonly freeIds: BlockId[] = [];
  private nextId = 0;

  /** Blocks that have an id. */
  get size(): number {
    return this.nextId - this.freeIds.length;
  }

  /** All ids are below it. */
  get idLimit(): number {
    return this.nextId;
  }

  /** Id of the `index`-th name of `words`, a new one if it has none. */
  intern(words: Uint32Array, index: number): BlockId {
    const slot = this.slotOf(words, index * nameWords);
    const found = this.slots[slot] - 1;
    if (found >= 0) {
      this.seen[found] = 2;
      return found;
    }
    const id = this.freeIds.pop() ?? this.nextId++;
    if (id >= this.seen.length) this.growIds();
    for (let w = 0; w < nameWords; w++) this.names[id * nameWords + w] = words[index * nameWords + w];
    this.seen[id] = 2;
    this.slots[slot] = id + 1;
    if (this.size * 2 > this.slots.length) this.growSlots();
    return id;
  }

  /** Ids of all names. */
  internAll(words: Uint32Array): Int32Array {
    return Int32Array.from({ length: words.length / nameWords }, (_, i) => this.intern(words, i));
  }

  /** Id of a name, or −1. Changes nothing. */
  find(words: Uint32Array, index: number): BlockId {
    return this.slots[this.slotOf(words, index * nameWords)] - 1;
  }

  /** A name as 32 hexadecimal digits. @throws RangeError if the id is not in use. */
  nameOf(id: BlockId): string {
    if (!this.seen[id]) throw new RangeError(`block id ${id} is not in use`);
    return Array.from(this.names.subarray(id * nameWords, (id + 1) * nameWords), (word) =>
      word.toString(16).padStart(8, "0"),
    ).join("");
  }

  /**
   * Takes back the ids of blocks that are not held and were not interned since the sweep before. Sweep less often than the longest
   * request lasts: what a request in flight names keeps its id.
   * @returns how many were taken back.
   */
  sweep(isHeld: (id: BlockId) => boolean): number {
    const before = this.freeIds.length;
    for (let id = 0; id < this.nextId; id++) {
      if (this.seen[id] === 0) continue;
      if (this.seen[id] === 1 && !isHeld(id)) this.release(id);
      else this.seen[id] = 1;
    }
    return this.freeIds.length - before;
  }

  /** @throws Error naming the first broken invariant. */
  checkIntegrity(): void {
    let used = 0;
    for (const entry of this.slots) if (entry > 0) used++;
    if (used !== this.size) throw new Error(`block table: ${used} slots are used by ${this.size} ids`);
    for (let id = 0; id < this.nextId; id++) {
      if (this.seen[id] && this.find(this.names, id) !== id) throw new Error(`block table: id ${id} is not found`);
    }
    for (const id of this.freeIds) if (this.seen[id]) throw new Error(`block table: free id ${id} is in use`);
  }

  /** Where a name is, or the free slot where it would be. */
  private slotOf(words: Uint32Array, at: number): number {
    const mask = this.slots.length - 1;
    // The words are uniform already: any of them is a hash.
    let slot = words[at] & mask;
    for (;;) {
      const id = this.slots[slot] - 1;
      if (id < 0) return slot;
      const own = id * nameWords;
      let w = 0;
      while (w < nameWords && this.names[own + w] === words[at + w]) w++;
      if (w === nameWords) return slot;
      slot = (slot + 1) & mask;
    }
  }

  private release(id: BlockId): void {
    const mask = this.slots.length - 1;
    let hole = this.slotOf(this.names, id * nameWords);
    this.slots[hole] = 0;
    this.seen[id] = 0;
    this.freeIds.push(id);
    // Backward shift: what was pushed past the hole moves into it.
    for (let slot = (hole + 1) & mask; this.slots[slot] > 0; slot = (slot + 1) & mask) {
      const home = this.names[(this.slots[slot] - 1) * nameWords] & mask;
      if (((slot - home) & mask) >= ((slot - hole) & mask)) {
        this.slots[hole] = this.slots[slot];
        this.slots[slot] = 0;
        hole = slot;
      }
    }
  }

  private growIds(): void {
    const names = new Uint32Array(this.names.length * 2);
    names.set(this.names);
    this.names = names;
    const seen = new Uint8Array(this.seen.length * 2);
    seen.set(this.seen);
    this.seen = seen;
  }

  private growSlots(): void {
    this.slots = new Int32Array(this.slots.length * 2);
    for (let id = 0; id < this.nextId; id++) {
      if (this.seen[id]) this.slots[this.slotOf(this.names, id * nameWords)] = id + 1;
    }
  }
}
