import type { DType, FloatDType } from "../dtype.ts";
import { formatShape, type Shape, sameShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** A dtype, either floating-point one (activations are bf16 where the device computes in it), or what a matrix may be besides. */
export type Expected = DType | "float" | "matrix";

/** Throws unless a tensor has the expected shape and dtype; the message names the operation and both shapes. */
export function expectTensor(op: string, name: string, tensor: Tensor, shape: Shape, dtype: Expected = "f32"): void {
  if (!sameShape(tensor.shape, shape)) {
    throw new Error(`${op}: ${name} has shape ${formatShape(tensor.shape)}, expected ${formatShape(shape)}`);
  }
  expectDType(op, name, tensor, dtype);
}

/** Throws unless a tensor has the expected dtype. */
export function expectDType(op: string, name: string, tensor: Tensor, dtype: Expected): void {
  const taken: readonly string[] =
    dtype === "float" ? ["f32", "bf16"] : dtype === "matrix" ? ["f32", "bf16", "fp8e4m3"] : [dtype];
  if (taken.includes(tensor.dtype)) return;
  const wanted = taken.join(" or ");
  throw new Error(`${op}: ${name} ${formatShape(tensor.shape)} has dtype ${tensor.dtype}, expected ${wanted}`);
}

/** What two floating-point operands give: bf16 only of two of them. */
export function commonFloat(a: Tensor, b: Tensor): FloatDType {
  return a.dtype === "bf16" && b.dtype === "bf16" ? "bf16" : "f32";
}

/** The dtype of a tensor that `expectDType` found to be "float". */
export function floatOf(x: Tensor): FloatDType {
  return x.dtype === "bf16" ? "bf16" : "f32";
}

/** Throws unless a tensor has the expected number of axes. */
export function expectRank(op: string, name: string, tensor: Tensor, rank: number, axes: string): void {
  if (tensor.shape.length !== rank) {
    throw new Error(`${op}: ${name} has shape ${formatShape(tensor.shape)}, expected ${axes}`);
  }
}

/** Rows and width of a tensor seen as a matrix of its last axis: [..., width]. */
export function asRows(tensor: Tensor): { rows: number; width: number } {
  const width = tensor.shape.at(-1) ?? 1;
  let rows = 1;
  for (const axis of tensor.shape.slice(0, -1)) rows *= axis;
  return { rows, width };
}
