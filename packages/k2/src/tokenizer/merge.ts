/** Merges by pair: key(a, b) → the token whose bytes are a's followed by b's. A lower id merges first. */
export interface MergeTable {
  readonly size: number;
  readonly pairs: ReadonlyMap<number, number>;
}

const noMerge = 0x7fffffff;

export function mergeKey(table: { readonly size: number }, a: number, b: number): number {
  return a * table.size + b;
}

/**
 * Every way to put a token together from two others. Tokens are byte strings with one character per byte.
 */
export function buildMergeTable(tokens: readonly string[]): MergeTable {
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const size = tokens.length;
  const pairs = new Map<number, number>();
  for (const [id, token] of tokens.entries()) {
    for (let cut = 1; cut < token.length; cut++) {
      const left = ids.get(token.slice(0, cut));
      const right = left === undefined ? undefined : ids.get(token.slice(cut));
      if (left !== undefined && right !== undefined) pairs.set(left * size + right, id);
    }
  }
  return { size, pairs };
}

/**
 * Byte-pair encoding of one piece, in place: `ids` holds a token per byte, and the merged tokens at the end. Always merges
 * the pair of lowest id, leftmost first. Short pieces look at all pairs each time, long ones keep them in a heap.
 */
export function mergePiece(ids: number[], table: MergeTable): number[] {
  return ids.length <= 48 ? mergeShort(ids, table) : mergeLong(ids, table);
}

function mergeShort(ids: number[], table: MergeTable): number[] {
  const { pairs, size } = table;
  const ranks = ids.map((id, i) => (i + 1 < ids.length ? (pairs.get(id * size + ids[i + 1]) ?? noMerge) : noMerge));
  for (;;) {
    let at = 0;
    for (let i = 1; i < ranks.length; i++) if (ranks[i] < ranks[at]) at = i;
    if (ranks[at] === noMerge || ranks.length === 0) return ids;
    ids[at] = ranks[at];
    ids.splice(at + 1, 1);
    ranks.splice(at + 1, 1);
    const rank = (i: number) => (i + 1 < ids.length ? (pairs.get(ids[i] * size + ids[i + 1]) ?? noMerge) : noMerge);
    ranks[at] = rank(at);
    if (at > 0) ranks[at - 1] = rank(at - 1);
  }
}

/** Positions below 2²⁶ leave room for 27 bits of id in a double's 53. */
const positions = 2 ** 26;

function mergeLong(ids: number[], { pairs, size }: MergeTable): number[] {
  const next = ids.map((_, i) => i + 1);
  const previous = ids.map((_, i) => i - 1);
  const alive = new Uint8Array(ids.length).fill(1);
  const heap: number[] = [];
  const offer = (left: number) => {
    const right = next[left];
    if (right >= ids.length) return;
    const merged = pairs.get(ids[left] * size + ids[right]);
    if (merged !== undefined) pushHeap(heap, merged * positions + left);
  };
  for (let i = 0; i < ids.length; i++) offer(i);
  while (heap.length > 0) {
    const entry = popHeap(heap);
    const merged = Math.floor(entry / positions);
    const left = entry % positions;
    const right = next[left];
    // An entry is stale where one of its two tokens has changed since.
    if (!alive[left] || right >= ids.length || pairs.get(ids[left] * size + ids[right]) !== merged) continue;
    ids[left] = merged;
    alive[right] = 0;
    next[left] = next[right];
    if (next[left] < ids.length) previous[next[left]] = left;
    offer(left);
    if (previous[left] >= 0) offer(previous[left]);
  }
  return ids.filter((_, i) => alive[i] === 1);
}

/** Binary min-heap of numbers. */
export function pushHeap(heap: number[], value: number): void {
  let at = heap.length;
  heap.push(value);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (heap[parent] <= value) break;
    heap[at] = heap[parent];
    at = parent;
  }
  heap[at] = value;
}

export function popHeap(heap: number[]): number {
  const top = heap[0];
  const value = heap.pop() as number;
  const size = heap.length;
  if (size === 0) return top;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= size) break;
    if (child + 1 < size && heap[child + 1] < heap[child]) child++;
    if (heap[child] >= value) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = value;
  return top;
}
