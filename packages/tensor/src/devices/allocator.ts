import { OutOfMemoryError } from "../backend.ts";

const alignment = 64;

interface Span {
  start: number;
  end: number;
}

/**
 * Hands out byte ranges of a device's memory: first fit, neighbours merged, so that the same calls give the same addresses.
 * `grow` is asked for more when nothing fits.
 */
export class Allocator {
  readonly #free: Span[] = [];
  readonly #grow: (bytes: number) => Span | null;
  readonly #refusal: string;
  #allocated = 0;

  /** `refusal` ends the message when there is no room: what the device holds, and what to do. */
  constructor(refusal: string, grow: (bytes: number) => Span | null) {
    this.#refusal = refusal;
    this.#grow = grow;
  }

  get allocatedBytes(): number {
    return this.#allocated;
  }

  /** Bytes that a request takes. */
  static rounded(byteLength: number): number {
    return Math.max(alignment, Math.ceil(byteLength / alignment) * alignment);
  }

  alloc(byteLength: number, label: string): number {
    const bytes = Allocator.rounded(byteLength);
    let at = this.#free.findIndex((span) => span.end - span.start >= bytes);
    if (at < 0) {
      const grown = this.#grow(bytes);
      if (grown) {
        this.#insert(grown.start, grown.end);
        at = this.#free.findIndex((span) => span.end - span.start >= bytes);
      }
    }
    if (at < 0) {
      throw new OutOfMemoryError(
        `out of memory: ${mebibytes(bytes)} for ${label} on top of ${mebibytes(this.#allocated)} in use, ${this.#refusal}`,
      );
    }
    const span = this.#free[at];
    const start = span.start;
    span.start += bytes;
    if (span.start === span.end) this.#free.splice(at, 1);
    this.#allocated += bytes;
    return start;
  }

  free(start: number, byteLength: number): void {
    const bytes = Allocator.rounded(byteLength);
    this.#allocated -= bytes;
    this.#insert(start, start + bytes);
  }

  #insert(start: number, end: number): void {
    let at = this.#free.findIndex((span) => span.start >= end);
    if (at < 0) at = this.#free.length;
    this.#free.splice(at, 0, { start, end });
    for (const i of [at, at - 1]) {
      const [left, right] = [this.#free[i], this.#free[i + 1]];
      if (left && right && left.end === right.start) {
        left.end = right.end;
        this.#free.splice(i + 1, 1);
      }
    }
  }
}

/** Bytes for people. */
export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
