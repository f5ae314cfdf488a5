/**
 * Gives chains of names dense ids: the same name after the same chain is the same id. Names that stand for a whole prefix
 * (Mooncake's) keep their identity so, and names of single blocks get the prefix meaning they lack.
 */
export interface ChainInterner {
  /** The id of `name`, a whole number from 0 to 2⁵³ − 1 or a string, after the chain that ends in `parent`; −1 is the start. */
  intern(parent: number, name: string | number): number;
  /** An id that nothing else has. */
  fresh(): number;
  /** Ids given out. */
  readonly size: number;
}

/** Marks names that were strings: no whole number below 2⁵³ has this bit in its high word. */
const stringBit = 0x80000000;

/**
 * Open addressing over typed arrays, about 24 bytes an id: a Map ends at 2²⁴ entries, which a log of a million requests has.
 */
export function createInterner(): ChainInterner {
  const strings = new Map<string, number>();
  let parents = new Int32Array(1024);
  let lows = new Uint32Array(1024);
  let highs = new Uint32Array(1024);
  /** id + 1, or 0; a power of two long, at most half full. */
  let slots = new Int32Array(2048);
  let size = 0;
  let used = 0;

  function slotOf(parent: number, low: number, high: number): number {
    const mask = slots.length - 1;
    // Ids come in runs: multiplied and mixed they do not fall beside each other.
    let hash = Math.imul(parent, 0x9e3779b1) ^ Math.imul(low, 0x85ebca6b) ^ Math.imul(high, 0xc2b2ae35);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    let slot = (hash ^ (hash >>> 13)) & mask;
    for (;;) {
      const id = slots[slot] - 1;
      if (id < 0 || (parents[id] === parent && lows[id] === low && highs[id] === high)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  function grow(): void {
    const old = slots;
    slots = new Int32Array(old.length * 2);
    for (const entry of old) {
      if (entry > 0) slots[slotOf(parents[entry - 1], lows[entry - 1], highs[entry - 1])] = entry;
    }
  }

  function wider<T extends Int32Array | Uint32Array>(array: T, made: T): T {
    made.set(array);
    return made;
  }

  return {
    intern(parent, name) {
      let [low, high] = [0, 0];
      if (typeof name === "number") {
        low = name >>> 0;
        high = Math.floor(name / 2 ** 32);
      } else {
        let index = strings.get(name);
        if (index === undefined) {
          index = strings.size;
          strings.set(name, index);
        }
        [low, high] = [index, stringBit];
      }
      const slot = slotOf(parent, low, high);
      if (slots[slot] > 0) return slots[slot] - 1;
      const id = size++;
      if (id >= parents.length) {
        const room = Math.max(id + 1, parents.length * 2);
        parents = wider(parents, new Int32Array(room));
        lows = wider(lows, new Uint32Array(room));
        highs = wider(highs, new Uint32Array(room));
      }
      parents[id] = parent;
      lows[id] = low;
      highs[id] = high;
      slots[slot] = id + 1;
      if (++used * 2 > slots.length) grow();
      return id;
    },
    fresh: () => size++,
    get size() {
      return size;
    },
  };
}
