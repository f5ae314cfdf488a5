/**
 * The sequences that a worker decodes or is about to, as columns: a prediction of its load at some later time reads them all.
 * Unordered; removal moves the last one into the gap.
 */
export class DecodeSet {
  size = 0;
  id = new Float64Array(8);
  /** When it joined the batch, or is expected to. */
  startMs = new Float64Array(8);
  inputTokens = new Float64Array(8);
  /** Predicted. */
  outputTokens = new Float64Array(8);
  outputClass = new Int32Array(8);
  arrived = new Uint8Array(8);

  /** @returns its place. */
  add(id: number, startMs: number, inputTokens: number, outputTokens: number, outputClass: number): number {
    const at = this.size++;
    if (at === this.id.length) this.grow();
    this.id[at] = id;
    this.startMs[at] = startMs;
    this.inputTokens[at] = inputTokens;
    this.outputTokens[at] = outputTokens;
    this.outputClass[at] = outputClass;
    this.arrived[at] = 0;
    return at;
  }

  /** @returns the id of the sequence that is at `at` now, or −1. */
  remove(at: number): number {
    const last = --this.size;
    if (at === last) return -1;
    this.id[at] = this.id[last];
    this.startMs[at] = this.startMs[last];
    this.inputTokens[at] = this.inputTokens[last];
    this.outputTokens[at] = this.outputTokens[last];
    this.outputClass[at] = this.outputClass[last];
    this.arrived[at] = this.arrived[last];
    return this.id[at];
  }

  private grow(): void {
    const room = this.id.length * 2;
    const floats = (from: Float64Array) => {
      const to = new Float64Array(room);
      to.set(from);
      return to;
    };
    this.id = floats(this.id);
    this.startMs = floats(this.startMs);
    this.inputTokens = floats(this.inputTokens);
    this.outputTokens = floats(this.outputTokens);
    const classes = new Int32Array(room);
    classes.set(this.outputClass);
    this.outputClass = classes;
    const arrived = new Uint8Array(room);
    arrived.set(this.arrived);
    this.arrived = arrived;
  }
}
