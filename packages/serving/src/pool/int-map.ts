/** A map of integers ≥ 0 to integers ≥ 0: linear probing over two typed arrays, a third of the time of a Map. */
export class IntMap {
  size = 0;
  /** key + 1; 0: free. */
  private keys = new Int32Array(16);
  private values = new Int32Array(16);

  /** −1 if it is not there. */
  get(key: number): number {
    const { keys } = this;
    const mask = keys.length - 1;
    for (let at = homeOf(key) & mask; ; at = (at + 1) & mask) {
      if (keys[at] === key + 1) return this.values[at];
      if (keys[at] === 0) return -1;
    }
  }

  /** Adds a key that is not there. */
  add(key: number, value: number): void {
    if (++this.size * 2 > this.keys.length) this.grow();
    this.put(key, value);
  }

  delete(key: number): void {
    const { keys, values } = this;
    const mask = keys.length - 1;
    let hole = homeOf(key) & mask;
    while (keys[hole] !== key + 1) {
      if (keys[hole] === 0) return;
      hole = (hole + 1) & mask;
    }
    this.size--;
    keys[hole] = 0;
    // Backward shift: what was pushed past the hole moves into it.
    for (let at = (hole + 1) & mask; keys[at] !== 0; at = (at + 1) & mask) {
      const home = homeOf(keys[at] - 1) & mask;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      keys[hole] = keys[at];
      values[hole] = values[at];
      keys[at] = 0;
      hole = at;
    }
  }

  /** All pairs, in no order. */
  entries(): [number, number][] {
    const found: [number, number][] = [];
    this.keys.forEach((key, at) => {
      if (key > 0) found.push([key - 1, this.values[at]]);
    });
    return found;
  }

  private put(key: number, value: number): void {
    const mask = this.keys.length - 1;
    let at = homeOf(key) & mask;
    while (this.keys[at] !== 0) at = (at + 1) & mask;
    this.keys[at] = key + 1;
    this.values[at] = value;
  }

  private grow(): void {
    const { keys, values } = this;
    this.keys = new Int32Array(keys.length * 2);
    this.values = new Int32Array(keys.length * 2);
    keys.forEach((key, at) => {
      if (key > 0) this.put(key - 1, values[at]);
    });
  }
}

/** Neighbouring ids apart. */
function homeOf(key: number): number {
  const mixed = Math.imul(key, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}
