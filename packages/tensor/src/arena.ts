import type { Backend, BufferHandle } from "./backend.ts";
import type { DType } from "./dtype.ts";

/** Buffers start at multiples of this many bytes: a cache line, and enough for every vector and tensor-core load. */
export const alignment = 64;

const defaultChunkBytes = 32 << 20;

interface Span {
  offset: number;
  bytes: number;
}

interface Chunk {
  readonly handle: BufferHandle;
  /** Free spans in the order of their offsets, never adjacent. */
  readonly free: Span[];
}

/** A piece of an arena. */
export interface ArenaBlock {
  readonly handle: BufferHandle;
  readonly bytes: number;
  readonly chunk: number;
  readonly offset: number;
}

/**
 * Memory of a step, with deterministic reuse: the first chunk, and in it the first span, that has room is taken, so the
 * same sequence of calls gives the same addresses, and a step that begins with an empty arena can be captured and
 * replayed. Chunks are kept for the next step until `close`.
 */
export class Arena {
  readonly #backend: Backend;
  readonly #chunks: Chunk[] = [];
  #liveBytes = 0;
  #peakBytes = 0;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  get liveBytes(): number {
    return this.#liveBytes;
  }

  /** Most bytes alive at once since the last `resetPeak`. */
  get peakBytes(): number {
    return this.#peakBytes;
  }

  resetPeak(): void {
    this.#peakBytes = this.#liveBytes;
  }

  /** Throws OutOfMemoryError where the backend has no room for another chunk. */
  allocate(byteLength: number, label: string, dtype: DType = "f32"): ArenaBlock {
    const bytes = Math.max(alignment, Math.ceil(byteLength / alignment) * alignment);
    for (let chunk = 0; chunk < this.#chunks.length; chunk++) {
      const block = this.#take(chunk, bytes, dtype);
      if (block) return block;
    }
    const chunkBytes = Math.max(bytes, defaultChunkBytes);
    const handle = this.#backend.alloc(chunkBytes, `arena chunk for ${label}`);
    this.#chunks.push({ handle, free: [{ offset: 0, bytes: chunkBytes }] });
    const block = this.#take(this.#chunks.length - 1, bytes, dtype);
    if (!block) throw new Error(`arena: a new chunk of ${chunkBytes} bytes has no room for ${bytes}`);
    return block;
  }

  #take(index: number, bytes: number, dtype: DType): ArenaBlock | null {
    const { handle, free } = this.#chunks[index];
    const at = free.findIndex((span) => span.bytes >= bytes);
    if (at < 0) return null;
    const span = free[at];
    const offset = span.offset;
    if (span.bytes === bytes) free.splice(at, 1);
    else {
      span.offset += bytes;
      span.bytes -= bytes;
    }
    this.#liveBytes += bytes;
    this.#peakBytes = Math.max(this.#peakBytes, this.#liveBytes);
    return { handle: this.#backend.slice(handle, offset, bytes, dtype), bytes, chunk: index, offset };
  }

  free(block: ArenaBlock): void {
    const { free } = this.#chunks[block.chunk];
    let at = free.findIndex((span) => span.offset > block.offset);
    if (at < 0) at = free.length;
    free.splice(at, 0, { offset: block.offset, bytes: block.bytes });
    this.#mergeWithNext(free, at);
    if (at > 0) this.#mergeWithNext(free, at - 1);
    this.#liveBytes -= block.bytes;
  }

  #mergeWithNext(free: Span[], at: number): void {
    const next = free[at + 1];
    if (next && free[at].offset + free[at].bytes === next.offset) {
      free[at].bytes += next.bytes;
      free.splice(at + 1, 1);
    }
  }

  /** Gives all chunks back to the backend. */
  close(): void {
    for (const { handle } of this.#chunks.splice(0)) this.#backend.free(handle);
    this.#liveBytes = 0;
  }

  /** Throws if spans overlap, touch or do not add up. */
  checkIntegrity(): void {
    let free = 0;
    let total = 0;
    for (const [index, chunk] of this.#chunks.entries()) {
      total += chunk.handle.byteLength;
      let end = -1;
      for (const span of chunk.free) {
        if (span.offset <= end || span.bytes <= 0)
          throw new Error(`arena: bad free span at ${span.offset} in chunk ${index}`);
        end = span.offset + span.bytes;
        free += span.bytes;
      }
      if (end > chunk.handle.byteLength) throw new Error(`arena: free span beyond the end of chunk ${index}`);
    }
    if (total - free !== this.#liveBytes)
      throw new Error(`arena: ${this.#liveBytes} bytes live, spans say ${total - free}`);
  }
}
