/** Sizes of the axes, slowest first. [] is a scalar. */
export type Shape = readonly number[];

/** Number of elements. Throws on an axis that is negative or no integer. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const axis of shape) {
    if (!Number.isInteger(axis) || axis < 0) throw new Error(`shape ${formatShape(shape)}: ${axis} is no axis size`);
    size *= axis;
  }
  return size;
}

export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((axis, i) => axis === b[i]);
}
