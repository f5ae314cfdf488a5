/** Slots ordered by two keys, least first: an indexed heap with four children per node. All operations are O(log n). */
export class SlotHeap {
  private slots = new Int32Array(16);
  /** Place in `slots`, plus 1, by slot; 0: not in the heap. */
  private place = new Int32Array(16);
  private major = new Float64Array(16);
  private minor = new Float64Array(16);
  private count = 0;

  get size(): number {
    return this.count;
  }

  has(slot: number): boolean {
    return slot < this.place.length && this.place[slot] > 0;
  }

  /** The least, or −1. */
  peek(): number {
    return this.count > 0 ? this.slots[0] : -1;
  }

  majorOf(slot: number): number {
    return this.major[slot];
  }

  /** Adds a slot, or gives it new keys. */
  set(slot: number, major: number, minor: number): void {
    if (slot >= this.place.length) this.growSlots(slot);
    this.major[slot] = major;
    this.minor[slot] = minor;
    let at = this.place[slot] - 1;
    if (at < 0) {
      if (this.count === this.slots.length) this.slots = grown(this.slots, this.count * 2);
      at = this.count++;
    } else if (this.siftDown(slot, at)) return;
    this.siftUp(slot, at);
  }

  remove(slot: number): void {
    if (!this.has(slot)) return;
    const at = this.place[slot] - 1;
    this.place[slot] = 0;
    const last = this.slots[--this.count];
    if (last === slot) return;
    if (!this.siftDown(last, at)) this.siftUp(last, at);
  }

  /** @throws Error naming the first broken invariant. */
  checkIntegrity(): void {
    let places = 0;
    for (const place of this.place) if (place > 0) places++;
    if (places !== this.count) throw new Error(`heap: ${places} slots have a place, ${this.count} are in it`);
    for (let at = 0; at < this.count; at++) {
      const slot = this.slots[at];
      if (this.place[slot] !== at + 1)
        throw new Error(`heap: slot ${slot} is at ${at}, not at ${this.place[slot] - 1}`);
      if (at > 0 && this.before(slot, this.slots[(at - 1) >> 2])) throw new Error(`heap: ${slot} is above its parent`);
    }
  }

  private before(a: number, b: number): boolean {
    return this.major[a] < this.major[b] || (this.major[a] === this.major[b] && this.minor[a] < this.minor[b]);
  }

  private siftUp(slot: number, from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 2;
      const above = this.slots[parent];
      if (!this.before(slot, above)) break;
      this.put(above, at);
      at = parent;
    }
    this.put(slot, at);
  }

  /** @returns whether it moved. */
  private siftDown(slot: number, from: number): boolean {
    let at = from;
    for (;;) {
      const first = at * 4 + 1;
      if (first >= this.count) break;
      let least = first;
      const end = Math.min(first + 4, this.count);
      for (let child = first + 1; child < end; child++) {
        if (this.before(this.slots[child], this.slots[least])) least = child;
      }
      if (!this.before(this.slots[least], slot)) break;
      this.put(this.slots[least], at);
      at = least;
    }
    if (at === from) return false;
    this.put(slot, at);
    return true;
  }

  private put(slot: number, at: number): void {
    this.slots[at] = slot;
    this.place[slot] = at + 1;
  }

  private growSlots(slot: number): void {
    const room = Math.max(slot + 1, this.place.length * 2);
    this.place = grown(this.place, room);
    this.major = grown(this.major, room);
    this.minor = grown(this.minor, room);
  }
}

function grown<T extends Int32Array | Float64Array>(from: T, room: number): T {
  const to = (from instanceof Int32Array ? new Int32Array(room) : new Float64Array(room)) as T;
  to.set(from);
  return to;
}
