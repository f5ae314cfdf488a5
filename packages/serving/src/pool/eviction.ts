import type { EvictionName } from "./types.ts";

/** Order in which blocks go: least (major, minor) first. `stamp` is the number of the last use. */
export interface EvictionOrder {
  major(uses: number, position: number, stamp: number): number;
  minor(uses: number, position: number, stamp: number): number;
}

/** Stamps stay below it for 10¹¹ uses; with positions below 2¹⁵ the sum below is exact in a double. */
const positionUnit = 2 ** 37;
const maxPosition = 2 ** 15 - 1;

/**
 * Orders of eviction. Within one use a prompt's earlier blocks are stamped later (see pool.ts), so that in each of them the tail goes
 * before what it hangs on.
 */
export const evictionOrders: Readonly<Record<EvictionName, EvictionOrder>> = {
  // Least recently used.
  lru: { major: (_uses, _position, stamp) => stamp, minor: () => 0 },
  // Least often used while it was here; among equals the least recently used. A count does not age: a known flaw of LFU.
  lfu: { major: (uses) => uses, minor: (_uses, _position, stamp) => stamp },
  // "Similar to LFU, but evicts first the blocks that come later in a request" (arXiv 2407.00079 §6.1, our reading).
  "length-aware": {
    major: (uses) => uses,
    minor: (_uses, position, stamp) => (maxPosition - Math.min(position, maxPosition)) * positionUnit + stamp,
  },
};
