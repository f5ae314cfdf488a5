/**
 * Slots in order of a key, least first, as a linked list: what {@link SlotHeap} does, in constant time where a key set is the greatest, as
 * that of a use is. Others are looked for from both ends.
 */
export class SlotList {
  size = 0;
  /** Neighbours by slot, plus 1; 0: none. */
  private before = new Int32Array(16);
  private after = new Int32Array(16);
  private key = new Float64Array(16);
  private isIn = new Uint8Array(16);
  private first = 0;
  private last = 0;

  has(slot: number): boolean {
    return slot < this.isIn.length && this.isIn[slot] === 1;
  }

  /** The least, or −1. */
  peek(): number {
    return this.first - 1;
  }

  /** Adds a slot, or gives it a new key. */
  set(slot: number, key: number): void {
    if (slot >= this.isIn.length) this.grow(slot);
    this.remove(slot);
    this.key[slot] = key;
    this.isIn[slot] = 1;
    this.size++;
    // The neighbour after it.
    let next = 0;
    if (this.last > 0 && this.key[this.last - 1] > key) {
      let low = this.first;
      let high = this.last;
      while (this.key[low - 1] < key && this.before[high - 1] > 0 && this.key[this.before[high - 1] - 1] > key) {
        low = this.after[low - 1];
        high = this.before[high - 1];
      }
      next = this.key[low - 1] >= key ? low : high;
    }
    const previous = next > 0 ? this.before[next - 1] : this.last;
    this.before[slot] = previous;
    this.after[slot] = next;
    if (previous > 0) this.after[previous - 1] = slot + 1;
    else this.first = slot + 1;
    if (next > 0) this.before[next - 1] = slot + 1;
    else this.last = slot + 1;
  }

  remove(slot: number): void {
    if (!this.has(slot)) return;
    const previous = this.before[slot];
    const next = this.after[slot];
    if (previous > 0) this.after[previous - 1] = next;
    else this.first = next;
    if (next > 0) this.before[next - 1] = previous;
    else this.last = previous;
    this.isIn[slot] = 0;
    this.size--;
  }

  /** @throws Error naming the first broken invariant. */
  checkIntegrity(): void {
    let count = 0;
    let previous = 0;
    for (let at = this.first; at > 0; at = this.after[at - 1]) {
      if (++count > this.size) throw new Error("list: it goes on beyond its size");
      if (this.before[at - 1] !== previous) throw new Error(`list: ${at - 1} does not know who is before it`);
      if (previous > 0 && this.key[previous - 1] > this.key[at - 1]) throw new Error(`list: ${at - 1} is out of order`);
      previous = at;
    }
    if (count !== this.size || previous !== this.last) throw new Error(`list: ${count} slots, ${this.size} counted`);
  }

  private grow(slot: number): void {
    const room = Math.max(slot + 1, this.isIn.length * 2);
    const before = new Int32Array(room);
    before.set(this.before);
    this.before = before;
    const after = new Int32Array(room);
    after.set(this.after);
    this.after = after;
    const key = new Float64Array(room);
    key.set(this.key);
    this.key = key;
    const isIn = new Uint8Array(room);
    isIn.set(this.isIn);
    this.isIn = isIn;
  }
}
