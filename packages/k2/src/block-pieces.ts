import { type BlockPlace, quantizeInto, scaleShape, storeBlocks, type Tensor } from "@baltoro/tensor";
import { k2Blocks } from "./quantization.ts";
import type { WeightFile } from "./weight-file.ts";

/** A row of blocks on its way to an fp8e4m3 tensor: as an FP8 checkpoint has it, or values that are quantized on the device. */
export type BlockPiece = BlockPlace &
  ({ readonly codes: Uint8Array; readonly scales: Float32Array } | { readonly values: Float32Array });

/** The rows of blocks of the matrices of one tensor, in their order. A piece is good until the next one is asked for. */
export async function* blocksOf(file: WeightFile, names: readonly string[]): AsyncGenerator<BlockPiece> {
  for (const [matrix, name] of names.entries()) {
    let firstRow = 0;
    const { dtype, shape } = file.info(name);
    if (dtype === "F8_E4M3") {
      const scales = await file.scales(name);
      const across = scaleShape(shape, k2Blocks)[1];
      for await (const codes of file.bytes(name)) {
        const at = (firstRow / k2Blocks.rows) * across;
        yield { matrix, firstRow, codes, scales: scales.subarray(at, at + across) };
        firstRow += k2Blocks.rows;
      }
    } else {
      for await (const values of file.values(name)) {
        yield { matrix, firstRow, values };
        firstRow += k2Blocks.rows;
      }
    }
  }
}

/** A piece that stays good. */
export function copyOf(piece: BlockPiece): BlockPiece {
  return "codes" in piece
    ? { ...piece, codes: piece.codes.slice(), scales: piece.scales.slice() }
    : { ...piece, values: piece.values.slice() };
}

export function writeBlocks(tensor: Tensor, piece: BlockPiece): void {
  if ("codes" in piece) storeBlocks(tensor, piece.codes, piece.scales, piece);
  else quantizeInto(tensor, piece.values, piece);
}
