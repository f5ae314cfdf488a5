import { record } from "../autograd.ts";
import { formatShape, type Shape, sizeOf } from "../shape.ts";
import { empty, fill, type Tensor } from "../tensor.ts";

/** The same values under another shape of the same size. Nothing is copied. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  if (sizeOf(shape) !== x.size) {
    throw new Error(
      `reshape: ${formatShape(x.shape)} of ${x.size} elements does not fit ${formatShape(shape)} of ${sizeOf(shape)}`,
    );
  }
  const y = x.alias(shape);
  x.device.memory.track(y);
  record("reshape", [x], [y], [], ([dy], [sink]) => {
    if (dy && sink) sink.add(dy);
  });
  return y;
}

/** Columns start … start + length of the last axis. */
export function slice(x: Tensor, start: number, length: number): Tensor {
  const width = x.shape.at(-1) ?? 1;
  if (x.shape.length === 0 || start < 0 || length < 0 || start + length > width) {
    throw new Error(`slice: columns ${start} … ${start + length} are outside ${formatShape(x.shape)}`);
  }
  const rows = width === 0 ? 0 : x.size / width;
  const { backend } = x.device;
  const y = empty(x.device, [...x.shape.slice(0, -1), length], x.dtype, "slice");
  const shared = { n0: rows, n1: 1, n2: length, src1: 0, dst1: 0 };
  backend.enqueue("copy3d", {
    ...shared,
    src: x.buffer,
    dst: y.buffer,
    srcOffset: start,
    src0: width,
    dstOffset: 0,
    dst0: length,
    accumulate: 0,
  });
  record("slice", [x], [y], [], ([dy], [sink]) => {
    if (!dy || !sink) return;
    const { out, accumulate } = sink.target();
    if (!accumulate && length < width) fill(out, 0);
    backend.enqueue("copy3d", {
      ...shared,
      src: dy.buffer,
      dst: out.buffer,
      srcOffset: 0,
      src0: length,
      dstOffset: start,
      dst0: width,
      accumulate,
    });
  });
  return y;
}

/** Splits the last axis into pieces of the given widths, which add up to it. One backward pass fills all of the gradient. */
export function split(x: Tensor, widths: readonly number[]): Tensor[] {
  const width = x.shape.at(-1) ?? 1;
  if (widths.reduce((sum, piece) => sum + piece, 0) !== width) {
    throw new Error(`split: widths ${widths.join(" + ")} do not add up to the last axis of ${formatShape(x.shape)}`);
  }
  const rows = width === 0 ? 0 : x.size / width;
  const { device } = x;
  const starts = widths.map((_, i) => widths.slice(0, i).reduce((sum, piece) => sum + piece, 0));
  const pieces = widths.map((length, i) => {
    const y = empty(device, [...x.shape.slice(0, -1), length], x.dtype, "split");
    device.backend.enqueue("copy3d", {
      src: x.buffer,
      dst: y.buffer,
      n0: rows,
      n1: 1,
      n2: length,
      srcOffset: starts[i],
      src0: width,
      src1: 0,
      dstOffset: 0,
      dst0: length,
      dst1: 0,
      accumulate: 0,
    });
    return y;
  });
  record("split", [x], pieces, [], (gradients, [sink]) => {
    if (!sink) return;
    const { out, accumulate } = sink.target();
    if (!accumulate && gradients.some((gradient) => !gradient)) fill(out, 0);
    for (const [i, dy] of gradients.entries()) {
      if (!dy) continue;
      device.backend.enqueue("copy3d", {
        src: dy.buffer,
        dst: out.buffer,
        n0: rows,
        n1: 1,
        n2: widths[i],
        srcOffset: 0,
        src0: widths[i],
        src1: 0,
        dstOffset: starts[i],
        dst0: width,
        dst1: 0,
        accumulate,
      });
    }
  });
  return pieces;
}

/**
 * Joins tensors along the last axis; their other axes are equal, except that an axis of size 1 is repeated where the
 * others are longer (only the one before the last: MLA's key part that all heads share).
 */
export function concatenate(parts: readonly Tensor[]): Tensor {
  const rank = parts[0].shape.length;
  const repeat = Math.max(...parts.map((part) => part.shape[rank - 2] ?? 1));
  const lead = parts[0].shape.slice(0, Math.max(rank - 2, 0));
  const widths = parts.map((part) => part.shape[rank - 1] ?? 1);
  for (const part of parts) {
    const axis = part.shape[rank - 2] ?? 1;
    const fits =
      part.shape.length === rank && lead.every((size, i) => part.shape[i] === size) && (axis === repeat || axis === 1);
    if (!fits || part.dtype !== parts[0].dtype) {
      throw new Error(
        `concatenate: ${parts.map((p) => `${p.dtype} ${formatShape(p.shape)}`).join(" and ")} differ in more than the last axis`,
      );
    }
  }
  const width = widths.reduce((sum, piece) => sum + piece, 0);
  const outer = sizeOf(lead);
  const { device } = parts[0];
  const shape = rank >= 2 ? [...lead, repeat, width] : [width];
  const y = empty(device, shape, parts[0].dtype, "concatenate");
  const starts = widths.map((_, i) => widths.slice(0, i).reduce((sum, piece) => sum + piece, 0));
  const repeated = parts.map((part) => (part.shape[rank - 2] ?? 1) === 1 && repeat > 1);
  const rowsOf = parts.map((_, i) => (repeated[i] ? 1 : repeat));
  for (const [i, part] of parts.entries()) {
    device.backend.enqueue("copy3d", {
      src: part.buffer,
      dst: y.buffer,
      n0: outer,
      n1: repeat,
      n2: widths[i],
      srcOffset: 0,
      src0: rowsOf[i] * widths[i],
      src1: repeated[i] ? 0 : widths[i],
      dstOffset: starts[i],
      dst0: repeat * width,
      dst1: width,
      accumulate: 0,
    });
  }
  record("concatenate", parts, [y], [], ([dy], sinks) => {
    if (!dy) return;
    for (const [i, sink] of sinks.entries()) {
      if (!sink) continue;
      const { out, accumulate } = sink.target();
      const target = repeated[i] ? empty(device, [outer, repeat, widths[i]], dy.dtype, "concatenate gradient") : out;
      device.backend.enqueue("copy3d", {
        src: dy.buffer,
        dst: target.buffer,
        n0: outer,
        n1: repeat,
        n2: widths[i],
        srcOffset: starts[i],
        src0: repeat * width,
        src1: width,
        dstOffset: 0,
        dst0: repeat * widths[i],
        dst1: widths[i],
        accumulate: repeated[i] ? 0 : accumulate,
      });
      if (repeated[i]) {
        device.backend.enqueue("reduce", {
          x: target.buffer,
          y: out.buffer,
          outer,
          axis: repeat,
          inner: widths[i],
          op: 0,
          accumulate,
        });
      }
    }
  });
  return y;
}
