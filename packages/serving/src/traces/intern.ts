/**
 * Gives chains of names dense ids: the same name after the same chain is the same id. Names that stand for a whole prefix
 * (Mooncake's) keep their identity so, and names of single blocks get the prefix meaning they lack.
 */
export interface ChainInterner {
  /** The id of `name` after the chain that ends in `parent`; −1 is the start. */
  intern(parent: number, name: string | number): number;
  /** An id that nothing else has. */
  fresh(): number;
  /** Ids given out. */
  readonly size: number;
}

export function createInterner(): ChainInterner {
  const names = new Map<string | number, number>();
  const chains = new Map<number, number>();
  let size = 0;
  return {
    intern(parent, name) {
      let named = names.get(name);
      if (named === undefined) {
        named = names.size;
        names.set(name, named);
      }
      // Exact below 2⁵³: 2²⁶ ids, 2²⁶ names.
      if (named >= 2 ** 26 || parent >= 2 ** 26) throw new RangeError("more than 2²⁶ different blocks in one trace");
      const key = (parent + 1) * 2 ** 26 + named;
      const known = chains.get(key);
      if (known !== undefined) return known;
      chains.set(key, size);
      return size++;
    },
    fresh: () => size++,
    get size() {
      return size;
    },
  };
}
