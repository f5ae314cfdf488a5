/** The designs that packages/serving's PrefixIndex is measured against. */

/** A map of chained ids to a row of bits, a bit per worker. */
export class BitsetIndex {
  private readonly rows = new Map<number, Uint32Array>();
  private readonly words: number;
  private readonly alive: Uint32Array;

  constructor(workers: number) {
    this.words = (workers + 31) >> 5;
    this.alive = new Uint32Array(this.words);
  }

  add(worker: number, block: number): void {
    let row = this.rows.get(block);
    if (!row) {
      row = new Uint32Array(this.words);
      this.rows.set(block, row);
    }
    row[worker >> 5] |= 1 << (worker & 31);
  }

  remove(worker: number, block: number): void {
    const row = this.rows.get(block);
    if (!row) return;
    row[worker >> 5] &= ~(1 << (worker & 31));
    if (row.every((word) => word === 0)) this.rows.delete(block);
  }

  walk(blocks: ArrayLike<number>, prefix: Int32Array): void {
    const { alive, words } = this;
    prefix.fill(0);
    alive.fill(0xffffffff);
    let depth = 0;
    for (; depth < blocks.length; depth++) {
      const row = this.rows.get(blocks[depth]);
      if (!row) break;
      let any = 0;
      for (let w = 0; w < words; w++) {
        for (let gone = alive[w] & ~row[w]; gone !== 0; gone &= gone - 1) {
          const worker = w * 32 + 31 - Math.clz32(gone & -gone);
          if (worker < prefix.length) prefix[worker] = depth;
        }
        alive[w] &= row[w];
        any |= alive[w];
      }
      if (any === 0) return;
    }
    for (let w = 0; w < words; w++) {
      for (let left = alive[w]; left !== 0; left &= left - 1) {
        const worker = w * 32 + 31 - Math.clz32(left & -left);
        if (worker < prefix.length) prefix[worker] = depth;
      }
    }
  }
}

interface RadixNode {
  parent: RadixNode | null;
  /** Blocks that follow each other without a branch. */
  run: number[];
  readonly children: Map<number, RadixNode>;
  /** How many leading blocks of the run a worker holds. */
  readonly holders: Map<number, number>;
}

/**
 * A compressed tree of prompts, as SGLang's router and Dynamo's indexer keep. A worker's part of a run is a count of its leading blocks: if
 * one in the middle goes, those behind it count as gone too.
 */
export class RadixIndex {
  private readonly root: RadixNode = newNode(null, []);
  /** Where a block is: its node, and its place in the run. */
  private readonly nodeOf = new Map<number, RadixNode>();
  private readonly placeOf = new Map<number, number>();

  add(worker: number, block: number, parent: number): void {
    let node = this.nodeOf.get(block);
    if (node) {
      const place = this.placeOf.get(block) as number;
      if ((node.holders.get(worker) ?? 0) === place) node.holders.set(worker, place + 1);
      return;
    }
    let above = parent < 0 ? this.root : this.nodeOf.get(parent);
    if (!above) return;
    const place = this.placeOf.get(parent) ?? -1;
    if (place >= 0 && place < above.run.length - 1) above = this.split(above, place + 1);
    const length = above.run.length;
    if (above !== this.root && above.children.size === 0 && above.holders.get(worker) === length) {
      this.placeOf.set(block, above.run.length);
      above.run.push(block);
      above.holders.set(worker, length + 1);
      this.nodeOf.set(block, above);
      return;
    }
    node = newNode(above, [block]);
    node.holders.set(worker, 1);
    above.children.set(block, node);
    this.nodeOf.set(block, node);
    this.placeOf.set(block, 0);
  }

  remove(worker: number, block: number): void {
    const node = this.nodeOf.get(block);
    if (!node) return;
    const place = this.placeOf.get(block) as number;
    if ((node.holders.get(worker) ?? 0) <= place) return;
    if (place === 0) node.holders.delete(worker);
    else node.holders.set(worker, place);
    if (node.children.size > 0) return;
    const [first] = node.run;
    let longest = 0;
    for (const count of node.holders.values()) longest = Math.max(longest, count);
    for (const gone of node.run.splice(longest)) {
      this.nodeOf.delete(gone);
      this.placeOf.delete(gone);
    }
    if (longest === 0) node.parent?.children.delete(first);
  }

  walk(blocks: ArrayLike<number>, prefix: Int32Array): void {
    prefix.fill(0);
    let depth = 0;
    let node = this.root.children.get(blocks[0]);
    while (node) {
      const { run, holders } = node;
      let same = 0;
      while (same < run.length && run[same] === blocks[depth + same]) same++;
      for (const [worker, count] of holders)
        if (prefix[worker] === depth) prefix[worker] = depth + Math.min(count, same);
      depth += same;
      if (same < run.length || depth >= blocks.length) return;
      node = node.children.get(blocks[depth]);
    }
  }

  /** Cuts a run in two. @returns the first part. */
  private split(node: RadixNode, at: number): RadixNode {
    const first = newNode(node.parent, node.run.slice(0, at));
    node.parent?.children.set(first.run[0], first);
    node.run = node.run.slice(at);
    node.parent = first;
    first.children.set(node.run[0], node);
    for (const [worker, count] of [...node.holders]) {
      first.holders.set(worker, Math.min(count, at));
      if (count > at) node.holders.set(worker, count - at);
      else node.holders.delete(worker);
    }
    for (const block of first.run) this.nodeOf.set(block, first);
    node.run.forEach((block, place) => {
      this.placeOf.set(block, place);
    });
    return first;
  }
}

function newNode(parent: RadixNode | null, run: number[]): RadixNode {
  return { parent, run, children: new Map(), holders: new Map() };
}
