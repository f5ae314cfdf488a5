import type { Tensor } from "./tensor.ts";

/** How the values of a tensor come back in the backward pass where they are not kept until then. */
export interface Origin {
  /** The values. The tensor is the origin's: it ends when the last holder has released. */
  restore(): Tensor;
  /** A holder more. `tensor` is one whose values are there: now is the time to note how they come back. */
  retain(tensor: Tensor): void;
  release(): void;
}

/** What an operation holds of a tensor until its backward pass has run. */
export interface Saved {
  /** The tensor, valid until `release`. Enqueues what brings its values back, where they were not kept. */
  restore(): Tensor;
  release(): void;
}

/** Holds a tensor for the backward pass: its memory, or the origin of its values. */
export function save(tensor: Tensor): Saved {
  const { shape, storage } = tensor;
  const { origin } = storage;
  if (!origin) {
    const kept = tensor.alias();
    return { restore: () => kept, release: () => kept.release() };
  }
  origin.retain(tensor);
  let view: Tensor | null = null;
  return {
    restore() {
      // Another shape of the same values may have been saved.
      view ??= origin.restore().alias(shape);
      return view;
    },
    release() {
      view?.release();
      origin.release();
    },
  };
}
