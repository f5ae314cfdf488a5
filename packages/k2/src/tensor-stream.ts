import type { Tensor } from "@baltoro/tensor";

/** Elements that go to a device at once: 1 MiB of f32. A multiple of 64, so that every part of a buffer begins where it may. */
const pieceSize = 2 ** 18;

/**
 * Makes the function that fills a tensor with values that come in pieces of any length. One buffer serves all tensors: they are filled
 * one after the other. It throws if there are more or fewer values than a tensor has.
 */
export function tensorWriter(): (tensor: Tensor, pieces: AsyncIterable<Float32Array>) => Promise<void> {
  let pending = new Float32Array(0);
  return async (tensor, pieces) => {
    const room = Math.min(pieceSize, tensor.size);
    if (pending.length < room) pending = new Float32Array(room);
    let held = 0;
    let written = 0;
    const flush = () => {
      if (held > 0) partOf(tensor, written, held).write(pending.subarray(0, held));
      written += held;
      held = 0;
    };
    for await (const piece of pieces) {
      if (written + held + piece.length > tensor.size)
        throw new Error(`writing "${tensor.label}": more values came than its ${tensor.size}`);
      for (let at = 0; at < piece.length; ) {
        const count = Math.min(piece.length - at, room - held);
        pending.set(piece.subarray(at, at + count), held);
        held += count;
        at += count;
        if (held === room) flush();
      }
    }
    flush();
    if (written !== tensor.size)
      throw new Error(`writing "${tensor.label}": ${written} values came of its ${tensor.size}`);
  };
}

/** Reads `count` elements from `first` on, in pieces of `length` elements (the last one shorter). Waits for the device at each. */
export async function* readInPieces(
  tensor: Tensor,
  first: number,
  count: number,
  length: number,
): AsyncGenerator<Float32Array> {
  for (let done = 0; done < count; done += length) {
    const start = first + done;
    const size = Math.min(length, count - done);
    const aligned = start - (start % 64);
    const values = await partOf(tensor, aligned, start - aligned + size).read();
    const wanted = values.subarray(start - aligned);
    yield wanted instanceof Float32Array ? wanted : Float32Array.from(wanted);
  }
}

/** A view of `count` elements from element `first` on, a multiple of 64. */
function partOf(tensor: Tensor, first: number, count: number) {
  const { backend } = tensor.device;
  const size = backend.bytesPerElement[tensor.dtype];
  const buffer = backend.slice(tensor.buffer, first * size, count * size);
  return {
    write: (values: Float32Array) => backend.write(buffer, tensor.dtype, values),
    read: () => backend.read(buffer, tensor.dtype, count),
  };
}
