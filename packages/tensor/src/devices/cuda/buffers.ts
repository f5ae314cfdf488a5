import type { BufferHandle } from "../../backend.ts";
import type { DType } from "../../dtype.ts";

/** An allocation: what its slices share. */
export interface Root {
  readonly owner: object;
  readonly address: number;
  readonly byteLength: number;
  freed: boolean;
  /** The same values in bf16, made when a product first wants them: weights are f32, tensor cores take bf16. */
  shadow: { readonly address: number; readonly byteLength: number; valid: boolean } | null;
}

/** What a backend knows of a handle. */
export interface OpenBuffer {
  readonly address: number;
  readonly byteLength: number;
  readonly dtype: DType;
  readonly root: Root;
}

/** A range of the device's memory. Kept in private fields: a handle shows its length only. */
export class CudaBuffer implements BufferHandle {
  readonly byteLength: number;
  readonly #open: OpenBuffer;

  constructor(open: OpenBuffer) {
    this.byteLength = open.byteLength;
    this.#open = open;
  }

  /** @throws if the buffer is another backend's, or was freed. */
  static open(buffer: BufferHandle, owner: object, use: string): OpenBuffer {
    if (!(buffer instanceof CudaBuffer) || buffer.#open.root.owner !== owner) {
      throw new Error(`${use}: the buffer belongs to another backend`);
    }
    if (buffer.#open.root.freed) throw new Error(`${use}: the buffer of ${buffer.byteLength} bytes was freed`);
    return buffer.#open;
  }
}
