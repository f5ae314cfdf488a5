/**
 * How devices keep fp8e4m3: each matrix [rows, columns] of a tensor is its codes in rows, then, from a multiple of 256 bytes on, the f32
 * scales [⌈rows / 128⌉, ⌈columns / 128⌉ up to a multiple of 4] of its blocks, which is how cuBLASLt wants them; the next matrix begins at a
 * multiple of 256 bytes. kernels/fp8.cuh and assembly/fp8.ts compute the same.
 */
import type { DType } from "./dtype.ts";
import { formatShape, type Shape, sizeOf } from "./shape.ts";

/** Rows and columns of a block that shares a scale; a tile of activations is a row of as many. */
export const fp8Block = 128;

const alignment = 256;
const align = (bytes: number, to: number) => Math.ceil(bytes / to) * to;

/** Scales from one row of blocks to the next. */
export function scalePitch(columns: number): number {
  return align(Math.ceil(columns / fp8Block), 4);
}

/** Where the scales of a matrix begin, and the next matrix, in bytes. */
export function fp8Layout(rows: number, columns: number): { readonly scalesAt: number; readonly matrixBytes: number } {
  const scalesAt = align(rows * columns, alignment);
  const scaleBytes = 4 * Math.ceil(rows / fp8Block) * scalePitch(columns);
  return { scalesAt, matrixBytes: scalesAt + align(scaleBytes, alignment) };
}

/** Bytes that a backend needs for a tensor. @throws where an fp8e4m3 tensor is no matrix. */
export function storageBytes(shape: Shape, dtype: DType, bytesPerElement: Readonly<Record<DType, number>>): number {
  const dense = sizeOf(shape) * bytesPerElement[dtype];
  if (dtype !== "fp8e4m3") return dense;
  if (shape.length < 2) throw new Error(`fp8e4m3 is for matrices, a tensor of shape ${formatShape(shape)} is none`);
  const [rows, columns] = shape.slice(-2);
  const matrices = sizeOf(shape.slice(0, -2));
  // The reference keeps values, not codes, and needs more.
  return Math.max(dense, matrices * fp8Layout(rows, columns).matrixBytes);
}
