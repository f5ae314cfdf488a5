/** Counts by a 32-bit key, in typed arrays: open addressing, at most half full. */
export interface CountTable {
  /** Keys in the table. */
  readonly size: number;
  /** Adds to a key's count and returns its index: keys are numbered in the order of their first appearance. */
  add(key: number, amount: number): number;
  /** The index of a key, −1 where it is absent. */
  find(key: number): number;
  /** Key and count by index. */
  key(index: number): number;
  count(index: number): number;
}

/** @throws RangeError beyond 2^28 keys. */
export function countTable(initialSlots = 1 << 12): CountTable {
  let mask = initialSlots - 1;
  // Index + 1 of the key in each slot, 0 where it is empty.
  let slots = new Uint32Array(initialSlots);
  let keys = new Uint32Array(initialSlots >> 1);
  let counts = new Uint32Array(initialSlots >> 1);
  let size = 0;

  function slotOf(key: number): number {
    let slot = (Math.imul(key ^ (key >>> 15), 0x9e3779b1) >>> 4) & mask;
    while (slots[slot] !== 0 && keys[slots[slot] - 1] !== key) slot = (slot + 1) & mask;
    return slot;
  }

  function grow(): void {
    const length = (mask + 1) * 2;
    if (length > 1 << 29) throw new RangeError("count table: more than 2^28 keys; train on less text");
    mask = length - 1;
    slots = new Uint32Array(length);
    keys = copied(keys, length >> 1);
    counts = copied(counts, length >> 1);
    for (let index = 0; index < size; index++) slots[slotOf(keys[index])] = index + 1;
  }

  return {
    get size() {
      return size;
    },
    add(key, amount) {
      const unsigned = key >>> 0;
      let slot = slotOf(unsigned);
      if (slots[slot] === 0) {
        if (size === keys.length) {
          grow();
          slot = slotOf(unsigned);
        }
        keys[size] = unsigned;
        slots[slot] = ++size;
      }
      const index = slots[slot] - 1;
      counts[index] += amount;
      return index;
    },
    find: (key) => slots[slotOf(key >>> 0)] - 1,
    key: (index) => keys[index],
    count: (index) => counts[index],
  };
}

function copied(from: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  const to = new Uint32Array(length);
  to.set(from);
  return to;
}
