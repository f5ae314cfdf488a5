/**
 * Future events in order of time; equal times in the order in which they were put in. A binary heap of slots over typed
 * arrays: nothing is allocated per event.
 */
export class EventQueue {
  #heap: Int32Array;
  #time: Float64Array;
  /** Counts insertions; a double holds 2⁵³ of them. */
  #order: Float64Array;
  #kind: Uint8Array;
  #subject: Int32Array;
  #version: Int32Array;
  #free: Int32Array;
  #freeCount = 0;
  #size = 0;
  #inserted = 0;
  #now = 0;
  /** Of the event that {@link next} took out. */
  kind = 0;
  subject = 0;
  version = 0;

  constructor(capacity = 1024) {
    this.#heap = new Int32Array(capacity);
    this.#time = new Float64Array(capacity);
    this.#order = new Float64Array(capacity);
    this.#kind = new Uint8Array(capacity);
    this.#subject = new Int32Array(capacity);
    this.#version = new Int32Array(capacity);
    this.#free = new Int32Array(capacity);
    for (let slot = 0; slot < capacity; slot++) this.#free[slot] = capacity - 1 - slot;
    this.#freeCount = capacity;
  }

  get size(): number {
    return this.#size;
  }

  /** Time of the last event that was taken out, ms. */
  get now(): number {
    return this.#now;
  }

  /**
   * @param subject - Whom it concerns, as the kind says.
   * @param version - For the receiver, to tell an event that has been overtaken by a change from one that holds.
   * @throws RangeError if the time is before now, or no number.
   */
  push(atMs: number, kind: number, subject: number, version = 0): void {
    if (!(atMs >= this.#now))
      throw new RangeError(`an event at ${atMs} ms cannot be put in at ${this.#now} ms: time never goes backwards`);
    if (this.#freeCount === 0) this.#grow();
    const slot = this.#free[--this.#freeCount];
    this.#time[slot] = atMs;
    this.#order[slot] = this.#inserted++;
    this.#kind[slot] = kind;
    this.#subject[slot] = subject;
    this.#version[slot] = version;
    const heap = this.#heap;
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(slot, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = slot;
  }

  /** Takes out the first event: now, kind, subject and version are its own. @returns false if there is none. */
  next(): boolean {
    if (this.#size === 0) return false;
    const heap = this.#heap;
    const slot = heap[0];
    const moved = heap[--this.#size];
    this.#sink(moved);
    this.#now = this.#time[slot];
    this.kind = this.#kind[slot];
    this.subject = this.#subject[slot];
    this.version = this.#version[slot];
    this.#free[this.#freeCount++] = slot;
    return true;
  }

  #sink(slot: number): void {
    const heap = this.#heap;
    const size = this.#size;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#before(heap[child + 1], heap[child])) child++;
      if (!this.#before(heap[child], slot)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = slot;
  }

  #before(a: number, b: number): boolean {
    const difference = this.#time[a] - this.#time[b];
    return difference < 0 || (difference === 0 && this.#order[a] < this.#order[b]);
  }

  #grow(): void {
    const old = this.#heap.length;
    const larger = <T extends Int32Array | Float64Array | Uint8Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    this.#heap = larger(this.#heap, new Int32Array(2 * old));
    this.#time = larger(this.#time, new Float64Array(2 * old));
    this.#order = larger(this.#order, new Float64Array(2 * old));
    this.#kind = larger(this.#kind, new Uint8Array(2 * old));
    this.#subject = larger(this.#subject, new Int32Array(2 * old));
    this.#version = larger(this.#version, new Int32Array(2 * old));
    this.#free = new Int32Array(2 * old);
    for (let slot = 0; slot < old; slot++) this.#free[slot] = 2 * old - 1 - slot;
    this.#freeCount = old;
  }
}
