/** Hands out the blocks of a paged cache. Block 0 is never given: padding rows of a batch may point at it. */
export class BlockPool {
  readonly blockSize: number;
  readonly total: number;
  readonly #free: number[];

  constructor(blocks: number, blockSize: number) {
    this.total = blocks - 1;
    this.blockSize = blockSize;
    this.#free = Array.from({ length: this.total }, (_, i) => this.total - i);
  }

  get available(): number {
    return this.#free.length;
  }

  /** Blocks needed for this many positions. */
  blocksFor(positions: number): number {
    return Math.ceil(positions / this.blockSize);
  }

  /** Makes `table` long enough for `positions`. False, and nothing changed, where too few blocks are free. */
  extend(table: number[], positions: number): boolean {
    const missing = this.blocksFor(positions) - table.length;
    if (missing > this.#free.length) return false;
    for (let i = 0; i < missing; i++) table.push(this.#free.pop() as number);
    return true;
  }

  /** Takes all blocks of a table back. */
  release(table: number[]): void {
    this.#free.push(...table.splice(0).reverse());
  }

  /** Throws unless every block is free or in exactly one of the tables. */
  checkIntegrity(tables: readonly (readonly number[])[]): void {
    const all = [...this.#free, ...tables.flat()].sort((a, b) => a - b);
    const whole = all.length === this.total && all.every((block, i) => block === i + 1);
    if (!whole) throw new Error(`block pool: ${all.length} of ${this.total} blocks accounted for, or one held twice`);
  }
}
