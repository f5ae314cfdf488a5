/** Matrices in e4m3 with scales per block: how they come in and out. Products take them as they are (matmul, groupedMatmul, decode). */
import type { Device } from "../device.ts";
import type { FloatDType, HostData } from "../dtype.ts";
import { fp8Block } from "../fp8-layout.ts";
import { scaleShape } from "../safetensors/index.ts";
import { formatShape, type Shape } from "../shape.ts";
import { empty, emptyUntracked, persistent, type Tensor } from "../tensor.ts";
import { asRows, expectDType, expectTensor } from "./check.ts";

/** Which rows of an fp8e4m3 tensor [..., rows, columns] are written: `firstRow`, a multiple of 128, and on, of the `matrix`-th matrix. */
export interface BlockPlace {
  readonly matrix?: number;
  readonly firstRow?: number;
}

/**
 * Quantizes host values [rows, columns] into a place of `target`, whose columns they have: whole rows of blocks, or the rest of the matrix.
 * Without a place, values of all matrices fill them all.
 *
 * @throws if they do not fit there.
 */
export function quantizeInto(target: Tensor, values: HostData, place?: BlockPlace): void {
  const [rows, columns] = target.shape.slice(-2);
  const size = rows * columns;
  if (!place && values.length === target.size && target.size > size) {
    for (let matrix = 0; matrix * size < target.size; matrix++) {
      quantizeInto(target, values.slice(matrix * size, (matrix + 1) * size), { matrix });
    }
    return;
  }
  const at = placeOf("quantizeInto", target, values.length, place ?? {});
  withStaged(target.device, [["f32", values]], ([x]) => {
    target.device.backend.enqueue("quantizeBlocks", { x: x.buffer, y: target.buffer, ...at });
  });
}

/** Quantizes a tensor of the same shape on the device. Matrices of several begin at multiples of 64 bytes. */
export function quantizeFrom(target: Tensor, values: Tensor): void {
  expectTensor("quantizeFrom", "values", values, target.shape, "float");
  expectDType("quantizeFrom", "target", target, "fp8e4m3");
  const { backend } = target.device;
  const [matrixRows, columns] = target.shape.slice(-2);
  const bytes = matrixRows * columns * backend.bytesPerElement[values.dtype];
  for (let matrix = 0; matrix * matrixRows * columns < values.size; matrix++) {
    const x = backend.slice(values.buffer, matrix * bytes, bytes, values.dtype);
    backend.enqueue("quantizeBlocks", {
      ...{ x, y: target.buffer, rows: matrixRows, columns, firstRow: 0, matrix, matrixRows },
    });
  }
}

/**
 * Fills a place of `target` with codes [rows, columns] and scales [⌈rows / 128⌉, ⌈columns / 128⌉] as a checkpoint has them.
 *
 * @throws if they do not fit there.
 */
export function storeBlocks(target: Tensor, codes: Uint8Array, scales: Float32Array, place: BlockPlace = {}): void {
  const at = placeOf("storeBlocks", target, codes.length, place);
  const [down, across] = scaleShape([at.rows, at.columns], { rows: fp8Block, columns: fp8Block });
  if (scales.length !== down * across) {
    throw new Error(
      `storeBlocks: ${scales.length} scales for ${at.rows} rows of ${at.columns}, expected ${down * across}`,
    );
  }
  const words = new Int32Array(Math.ceil(codes.length / 4));
  new Uint8Array(words.buffer).set(codes);
  const staged = [["i32", words] as const, ["f32", scales] as const];
  withStaged(target.device, staged, ([packed, scale]) => {
    target.device.backend.enqueue("storeBlocks", {
      ...{ codes: packed.buffer, scales: scale.buffer, y: target.buffer, ...at },
    });
  });
}

/** The values of an fp8e4m3 tensor. */
export function dequantize(x: Tensor, dtype: FloatDType = "f32"): Tensor {
  expectDType("dequantize", "x", x, "fp8e4m3");
  const y = empty(x.device, x.shape, dtype, "dequantize");
  const [rows, columns] = x.shape.slice(-2);
  const matrices = rows * columns === 0 ? 0 : x.size / (rows * columns);
  x.device.backend.enqueue("dequantizeBlocks", { x: x.buffer, y: y.buffer, matrices, rows, columns });
  return y;
}

/** Activations [..., columns] in e4m3 by tiles of 1 × 128: codes i32 [rows · columns / 4], scales [⌈columns / 128⌉, rows]. */
export function quantizeTiles(x: Tensor): { readonly codes: Tensor; readonly scales: Tensor } {
  expectDType("quantizeTiles", "x", x, "float");
  const { rows, width } = asRows(x);
  if (width % 4 !== 0) throw new Error(`quantizeTiles: x ${formatShape(x.shape)}, its width is no multiple of 4`);
  const codes = empty(x.device, [(rows * width) / 4], "i32", "quantizeTiles codes");
  const scales = empty(x.device, [Math.ceil(width / fp8Block), rows], "f32", "quantizeTiles scales");
  x.device.backend.enqueue("quantizeTiles", {
    ...{ x: x.buffer, codes: codes.buffer, scales: scales.buffer, rows, columns: width },
  });
  return { codes, scales };
}

/** The values of {@link quantizeTiles}, as a tensor of the given shape and type. No scope owns it. */
export function dequantizeTiles(codes: Tensor, scales: Tensor, shape: Shape, dtype: FloatDType): Tensor {
  const y = emptyUntracked(codes.device, shape, dtype, "dequantizeTiles");
  const { rows, width: columns } = asRows(y);
  codes.device.backend.enqueue("dequantizeTiles", {
    ...{ codes: codes.buffer, scales: scales.buffer, y: y.buffer, rows, columns },
  });
  return y;
}

function placeOf(op: string, target: Tensor, count: number, { matrix = 0, firstRow = 0 }: BlockPlace) {
  expectDType(op, "target", target, "fp8e4m3");
  const [matrixRows, columns] = target.shape.slice(-2);
  const rows = columns === 0 ? 0 : count / columns;
  const last = firstRow + rows;
  const whole = Number.isInteger(rows) && firstRow % fp8Block === 0 && (rows % fp8Block === 0 || last === matrixRows);
  if (!whole || last > matrixRows || !(matrix >= 0 && (matrix + 1) * matrixRows * columns <= target.size)) {
    throw new Error(
      `${op}: ${count} values from row ${firstRow} of matrix ${matrix} on do not fit "${target.label}" ${formatShape(target.shape)}: expected whole rows, from a multiple of ${fp8Block} on, as many as a multiple of ${fp8Block} or up to the matrix's end`,
    );
  }
  return { rows, columns, firstRow, matrix, matrixRows };
}

/** Runs `use` on host values that are on the device while it is enqueued. */
function withStaged(
  device: Device,
  values: readonly (readonly ["f32" | "i32", HostData])[],
  use: (tensors: readonly Tensor[]) => void,
): void {
  const tensors = values.map(([dtype, data]) => {
    const tensor = persistent(device, [data.length], dtype, "weights on their way");
    if (data.length > 0) tensor.write(data);
    return tensor;
  });
  use(tensors);
  for (const tensor of tensors) tensor.release();
}
