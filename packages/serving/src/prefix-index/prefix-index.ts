import { type BlockId, maxWorkers, type Tier, type WorkerId } from "../conductor/types.ts";
import type { PrefixMatch } from "./match.ts";

/** Bit of a tier in a holder's mask. */
export const tierBit: Readonly<Record<Tier, number>> = { device: 1, dram: 2, ssd: 4 };

/** Holders of a block that are kept in place; with more it gets a row of bits. */
const inPlace = 4;
/** Fewer holders than this, and a row becomes entries again. */
const leaveRow = 3;
/** First entry of a block that has a row: worker 1 without any tier, which no holder is. */
const rowMark = 1 << 3;
/** Ids above it cost more memory than any index needs: 2²⁷ blocks are 1 GiB of entries. */
export const maxBlocks = 2 ** 27;

/**
 * Which worker holds which block, in which tier, and how long a prefix each holds.
 *
 * Chained ids make a walk of a prompt a walk of an array: no hashing and no tree. Most blocks have few holders: up to {@link inPlace}
 * are packed into 8 bytes, `worker << 3 | tiers` each. Hot ones, a system prompt on every worker, get a row of bits per tier.
 * Walk: O(blocks × workers / 32) while many workers match, O(blocks) when few do. Memory: 8 bytes a block, 12 × workers / 32 a row.
 * docs/decisions/0004-prefix-index.md compares it with a radix tree.
 */
export class PrefixIndex {
  private entries: Uint16Array;
  /** Rows of three planes (device, dram, ssd) of `words` each. */
  private rows = new Uint32Array(0);
  private words = 1;
  /** Words of a plane that workers reach; the others are room. */
  private usedWords = 0;
  private rowCount = 0;
  private readonly freeRows: number[] = [];
  private readonly held: number[] = [];
  private holders = 0;
  private blocks = 0;

  constructor(blockCapacity = 1024) {
    this.entries = new Uint16Array(Math.max(16, blockCapacity) * inPlace);
  }

  /** Blocks that somebody holds. */
  get blockCount(): number {
    return this.blocks;
  }

  /** Pairs of a worker and a block that it holds. */
  get holderCount(): number {
    return this.holders;
  }

  /** One more than the largest worker that ever held a block. */
  get workerLimit(): number {
    return this.held.length;
  }

  /** All held blocks are below it. */
  get blockLimit(): number {
    return this.entries.length / inPlace;
  }

  get bytes(): number {
    return this.entries.byteLength + this.rows.byteLength;
  }

  heldBy(worker: WorkerId): number {
    return this.held[worker] ?? 0;
  }

  isHeld(block: BlockId): boolean {
    return block * inPlace < this.entries.length && this.entries[block * inPlace] !== 0;
  }

  /** Tiers in which a worker holds a block, as bits of {@link tierBit}; 0: none. */
  tiersOf(worker: WorkerId, block: BlockId): number {
    const at = block * inPlace;
    if (at >= this.entries.length || worker >= this.held.length) return 0;
    if (this.entries[at] === rowMark) return this.rowTiers(this.rowAt(at), worker);
    for (let i = at; i < at + inPlace; i++) if (this.entries[i] >> 3 === worker) return this.entries[i] & 7;
    return 0;
  }

  /** @returns false if it was known. @throws RangeError if the worker or the block is out of range. */
  add(worker: WorkerId, block: BlockId, tier: Tier): boolean {
    checkWorker(worker);
    checkBlock(block);
    const bit = tierBit[tier];
    if (block * inPlace >= this.entries.length) this.growBlocks(block);
    if (worker >= this.held.length) this.growWorkers(worker);
    const at = block * inPlace;
    const before = this.tiersOf(worker, block);
    if (before & bit) return false;
    if (this.entries[at] === rowMark) {
      this.rows[this.rowAt(at) + planeOf(bit) * this.words + (worker >> 5)] |= 1 << (worker & 31);
      if (before === 0) this.entries[at + 3]++;
    } else if (before !== 0) {
      this.entries[this.entryOf(at, worker)] |= bit;
    } else {
      const free = this.entryOf(at, -1);
      if (free >= 0) {
        if (this.entries[at] === 0) this.blocks++;
        this.entries[free] = (worker << 3) | bit;
      } else {
        this.toRow(at);
        return this.add(worker, block, tier);
      }
    }
    if (before === 0) {
      this.held[worker]++;
      this.holders++;
    }
    return true;
  }

  /** @returns false if it was not known. */
  remove(worker: WorkerId, block: BlockId, tier: Tier): boolean {
    const bit = tierBit[tier];
    if ((this.tiersOf(worker, block) & bit) === 0) return false;
    this.drop(worker, block * inPlace, bit);
    return true;
  }

  /** Forgets all that a worker holds: one pass over the index. */
  forget(worker: WorkerId): void {
    for (let at = 0; this.heldBy(worker) > 0 && at < this.entries.length; at += inPlace) {
      if (this.entries[at] === 0) continue;
      const mask = this.tiersOf(worker, at / inPlace);
      if (mask) this.drop(worker, at, mask);
    }
  }

  /** The longest prefix of `blocks` on every worker, into `match`. Changes nothing else and allocates nothing. */
  walk(blocks: ArrayLike<BlockId>, match: PrefixMatch): void {
    match.reset(this.held.length);
    const { entries } = this;
    const { aliveList, slow, prefix } = match;
    const count = blocks.length;
    // −1: many are alive, in bits.
    let listed = 0;
    for (let i = 0; i < count; i++) {
      const at = blocks[i] * inPlace;
      if (at >= entries.length || entries[at] === 0) break;
      const isRow = entries[at] === rowMark;
      if (i === 0) {
        if (isRow) {
          this.startBits(at, match);
          listed = -1;
        } else listed = this.startList(at, match);
      } else if (listed < 0) {
        if (isRow) {
          if (!this.narrowBits(at, i, match)) break;
        } else listed = this.listFromBits(at, i, match);
      } else {
        let kept = 0;
        for (let k = 0; k < listed; k++) {
          const worker = aliveList[k];
          let mask = 0;
          if (isRow) mask = this.rowTiers(this.rowAt(at), worker);
          else {
            // Unrolled: this is where a walk spends its time.
            if (entries[at] >> 3 === worker) mask = entries[at] & 7;
            else if (entries[at + 1] >> 3 === worker) mask = entries[at + 1] & 7;
            else if (entries[at + 2] >> 3 === worker) mask = entries[at + 2] & 7;
            else if (entries[at + 3] >> 3 === worker) mask = entries[at + 3] & 7;
          }
          if (mask === 0) continue;
          prefix[worker] = i + 1;
          if (mask === tierBit.ssd) slow[worker]++;
          aliveList[kept++] = worker;
        }
        listed = kept;
      }
      if (listed === 0) break;
      match.best = i + 1;
    }
    if (listed < 0) this.endBits(match);
  }

  /** @throws Error naming the first broken invariant. */
  checkIntegrity(): void {
    let blocks = 0;
    let holders = 0;
    const held = this.held.map(() => 0);
    const rows = new Set(this.freeRows);
    for (let at = 0; at < this.entries.length; at += inPlace) {
      if (this.entries[at] === 0) {
        for (let i = 1; i < inPlace; i++) {
          if (this.entries[at + i] !== 0)
            throw new Error(`prefix index: block ${at / inPlace} has a gap in its entries`);
        }
        continue;
      }
      blocks++;
      const isRow = this.entries[at] === rowMark;
      let own = 0;
      for (let worker = 0; worker < this.held.length; worker++) {
        if (this.tiersOf(worker, at / inPlace) === 0) continue;
        held[worker]++;
        own++;
      }
      holders += own;
      if (!isRow) continue;
      if (own !== this.entries[at + 3]) {
        throw new Error(`prefix index: row of block ${at / inPlace} counts ${this.entries[at + 3]}, has ${own}`);
      }
      const row = this.rowAt(at) / (3 * this.words);
      if (rows.has(row)) throw new Error(`prefix index: row ${row} is used twice`);
      rows.add(row);
    }
    if (rows.size !== this.rowCount) throw new Error(`prefix index: ${this.rowCount - rows.size} rows are lost`);
    if (blocks !== this.blocks) throw new Error(`prefix index: counts ${this.blocks} blocks, has ${blocks}`);
    if (holders !== this.holders) throw new Error(`prefix index: counts ${this.holders} holders, has ${holders}`);
    held.forEach((count, worker) => {
      if (count !== this.held[worker]) {
        throw new Error(`prefix index: worker ${worker} counts ${this.held[worker]} blocks, has ${count}`);
      }
    });
  }

  private startList(at: number, match: PrefixMatch): number {
    let listed = 0;
    for (let i = at; i < at + inPlace && this.entries[i] !== 0; i++) {
      const worker = this.entries[i] >> 3;
      match.prefix[worker] = 1;
      match.slow[worker] = (this.entries[i] & 7) === tierBit.ssd ? 1 : 0;
      match.aliveList[listed++] = worker;
    }
    return listed;
  }

  private startBits(at: number, match: PrefixMatch): void {
    const { rows, words } = this;
    const row = this.rowAt(at);
    for (let w = 0; w < this.usedWords; w++) {
      const fast = rows[row + w] | rows[row + words + w];
      match.aliveBits[w] = fast | rows[row + 2 * words + w];
      countSlow(match, w, rows[row + 2 * words + w] & ~fast);
    }
  }

  /** @returns false if nobody is left. */
  private narrowBits(at: number, depth: number, match: PrefixMatch): boolean {
    const { rows, words } = this;
    const { aliveBits, prefix } = match;
    const row = this.rowAt(at);
    let left = 0;
    for (let w = 0; w < this.usedWords; w++) {
      const alive = aliveBits[w];
      if (alive === 0) continue;
      const fast = rows[row + w] | rows[row + words + w];
      const any = fast | rows[row + 2 * words + w];
      for (let gone = alive & ~any; gone !== 0; gone &= gone - 1) prefix[w * 32 + lowestBit(gone)] = depth;
      const still = alive & any;
      aliveBits[w] = still;
      left |= still;
      countSlow(match, w, still & ~fast);
    }
    return left !== 0;
  }

  private listFromBits(at: number, depth: number, match: PrefixMatch): number {
    const { aliveBits, prefix, slow, aliveList } = match;
    let listed = 0;
    for (let w = 0; w < this.usedWords; w++) {
      for (let gone = aliveBits[w]; gone !== 0; gone &= gone - 1) prefix[w * 32 + lowestBit(gone)] = depth;
    }
    for (let i = at; i < at + inPlace && this.entries[i] !== 0; i++) {
      const worker = this.entries[i] >> 3;
      if (prefix[worker] !== depth || ((aliveBits[worker >> 5] >>> (worker & 31)) & 1) === 0) continue;
      prefix[worker] = depth + 1;
      if ((this.entries[i] & 7) === tierBit.ssd) slow[worker]++;
      aliveList[listed++] = worker;
    }
    return listed;
  }

  private endBits({ aliveBits, prefix, best }: PrefixMatch): void {
    for (let w = 0; w < this.usedWords; w++) {
      for (let left = aliveBits[w]; left !== 0; left &= left - 1) prefix[w * 32 + lowestBit(left)] = best;
    }
  }

  /** Where a worker's entry is, or with −1 the first free one; −1 if there is none. */
  private entryOf(at: number, worker: WorkerId | -1): number {
    for (let i = at; i < at + inPlace; i++) {
      const entry = this.entries[i];
      if (worker < 0 ? entry === 0 : entry !== 0 && entry >> 3 === worker) return i;
    }
    return -1;
  }

  private rowAt(at: number): number {
    return (this.entries[at + 1] | (this.entries[at + 2] << 16)) * 3 * this.words;
  }

  private rowTiers(row: number, worker: WorkerId): number {
    const word = row + (worker >> 5);
    const shift = worker & 31;
    return (
      ((this.rows[word] >>> shift) & 1) |
      (((this.rows[word + this.words] >>> shift) & 1) << 1) |
      (((this.rows[word + 2 * this.words] >>> shift) & 1) << 2)
    );
  }

  private drop(worker: WorkerId, at: number, bits: number): void {
    let gone: boolean;
    if (this.entries[at] === rowMark) {
      const row = this.rowAt(at);
      for (let plane = 0; plane < 3; plane++) {
        if (bits & (1 << plane)) this.rows[row + plane * this.words + (worker >> 5)] &= ~(1 << (worker & 31));
      }
      gone = this.rowTiers(row, worker) === 0;
      if (gone && --this.entries[at + 3] < leaveRow) this.toEntries(at);
    } else {
      const own = this.entryOf(at, worker);
      this.entries[own] &= ~bits;
      gone = (this.entries[own] & 7) === 0;
      if (gone) {
        // The last entry fills the gap.
        let last = at + inPlace - 1;
        while (last > own && this.entries[last] === 0) last--;
        this.entries[own] = this.entries[last];
        this.entries[last] = 0;
        if (this.entries[at] === 0) this.blocks--;
      }
    }
    if (gone) {
      this.held[worker]--;
      this.holders--;
    }
  }

  private toRow(at: number): void {
    const number = this.freeRows.pop() ?? this.rowCount++;
    const stride = 3 * this.words;
    if ((number + 1) * stride > this.rows.length) {
      const rows = new Uint32Array(Math.max(this.rows.length * 2, 64 * stride));
      rows.set(this.rows);
      this.rows = rows;
    }
    for (let i = at; i < at + inPlace; i++) {
      const worker = this.entries[i] >> 3;
      for (let plane = 0; plane < 3; plane++) {
        if (this.entries[i] & (1 << plane)) {
          this.rows[number * stride + plane * this.words + (worker >> 5)] |= 1 << (worker & 31);
        }
      }
    }
    this.entries[at] = rowMark;
    this.entries[at + 1] = number & 0xffff;
    this.entries[at + 2] = number >>> 16;
    this.entries[at + 3] = inPlace;
  }

  private toEntries(at: number): void {
    const row = this.rowAt(at);
    const left: number[] = [];
    for (let w = 0; w < this.words; w++) {
      const any = this.rows[row + w] | this.rows[row + this.words + w] | this.rows[row + 2 * this.words + w];
      for (let bits = any; bits !== 0; bits &= bits - 1) {
        const worker = w * 32 + lowestBit(bits);
        left.push((worker << 3) | this.rowTiers(row, worker));
      }
    }
    this.rows.fill(0, row, row + 3 * this.words);
    this.freeRows.push(row / (3 * this.words));
    for (let i = 0; i < inPlace; i++) this.entries[at + i] = left[i] ?? 0;
  }

  private growBlocks(block: BlockId): void {
    const room = Math.min(maxBlocks, Math.max(block + 1, (this.entries.length / inPlace) * 2));
    const entries = new Uint16Array(room * inPlace);
    entries.set(this.entries);
    this.entries = entries;
  }

  private growWorkers(worker: WorkerId): void {
    while (this.held.length <= worker) this.held.push(0);
    const words = (this.held.length + 31) >> 5;
    this.usedWords = words;
    if (words <= this.words) return;
    // Doubled, so that joining one by one moves the rows a few times only.
    const wider = Math.min(maxWorkers >> 5, Math.max(words, this.words * 2));
    const rows = new Uint32Array(Math.max(1, this.rowCount) * 3 * wider);
    for (let plane = 0; plane < this.rowCount * 3; plane++) {
      rows.set(this.rows.subarray(plane * this.words, (plane + 1) * this.words), plane * wider);
    }
    this.rows = rows;
    this.words = wider;
  }
}

function planeOf(bit: number): number {
  return bit >> 1;
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}

function countSlow(match: PrefixMatch, word: number, slow: number): void {
  for (let bits = slow; bits !== 0; bits &= bits - 1) match.slow[word * 32 + lowestBit(bits)]++;
}

function checkWorker(worker: WorkerId): void {
  if (!Number.isInteger(worker) || worker < 0 || worker >= maxWorkers) {
    throw new RangeError(`worker ${worker} is not an integer from 0 to ${maxWorkers - 1}`);
  }
}

function checkBlock(block: BlockId): void {
  if (!Number.isInteger(block) || block < 0 || block >= maxBlocks) {
    throw new RangeError(`block ${block} is not an integer from 0 to ${maxBlocks - 1}: intern names with BlockTable`);
  }
}
