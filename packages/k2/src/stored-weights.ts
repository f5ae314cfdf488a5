import { float32ToBfloat16, quantizeBlockRow, type StreamToWrite, scaleShape } from "@baltoro/tensor";
import { isQuantized, k2Blocks, scaleSuffix } from "./quantization.ts";

/**
 * Element type of saved weights. BF16 halves the size of F32 and is what serving needs; F32 is exact, for resuming; F8_E4M3 is K2's
 * layout: projections in e4m3 with scales per block, the rest in bf16.
 */
export type WeightDType = "BF16" | "F32" | "F8_E4M3";

/** A weight on its way to a file: its values in whole rows of blocks, each piece good until the next one is asked for. */
export interface WeightToStore {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: () => AsyncIterable<Float32Array>;
}

/** What a weight is stored as where a checkpoint of `dtype` is wanted. The router's selection bias is f32 in all of them. */
export function storedDType(name: string, shape: readonly number[], dtype: WeightDType): WeightDType {
  if (name.endsWith("e_score_correction_bias")) return "F32";
  if (dtype !== "F8_E4M3") return dtype;
  return isQuantized(name) && shape.length === 2 ? "F8_E4M3" : "BF16";
}

/**
 * Makes the function that turns a weight into the tensors that hold it in a file: itself and, where it is quantized, its scales behind it.
 * All weights share the buffers that they are converted in: they are written one after the other.
 */
export function weightStore(dtype: WeightDType): (weight: WeightToStore) => StreamToWrite[] {
  let halves = new Uint16Array(0);
  let codes = new Uint8Array(0);

  async function* halfPieces(values: AsyncIterable<Float32Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of values) {
      if (halves.length < piece.length) halves = new Uint16Array(piece.length);
      yield bytesOf(float32ToBfloat16(piece, halves.subarray(0, piece.length)));
    }
  }

  async function* codePieces({ name, shape, values }: WeightToStore, scales: Float32Array): AsyncGenerator<Uint8Array> {
    const across = scaleShape(shape, k2Blocks)[1];
    let blockRow = 0;
    for await (const piece of values()) {
      if (codes.length < piece.length) codes = new Uint8Array(piece.length);
      const part = codes.subarray(0, piece.length);
      const rowScales = scales.subarray(blockRow * across, (blockRow + 1) * across);
      try {
        quantizeBlockRow(piece, shape[1], k2Blocks.columns, part, rowScales);
      } catch (error) {
        throw new Error(`${name}, from row ${blockRow * k2Blocks.rows} on: ${(error as Error).message}`);
      }
      blockRow++;
      yield part;
    }
  }

  /** The codes go to the disk row of blocks by row of blocks and leave their scales for the tensor that follows. */
  function quantized(weight: WeightToStore): StreamToWrite[] {
    const { name, shape } = weight;
    const scalesShape = scaleShape(shape, k2Blocks);
    let scales: Float32Array | null = null;
    return [
      {
        name,
        shape,
        dtype: "F8_E4M3",
        pieces: () => {
          scales = new Float32Array(scalesShape[0] * scalesShape[1]);
          return codePieces(weight, scales);
        },
      },
      {
        name: name + scaleSuffix,
        shape: scalesShape,
        dtype: "F32",
        async *pieces() {
          if (!scales) throw new Error(`${name}${scaleSuffix} was asked for before ${name} was written`);
          yield bytesOf(scales);
          scales = null;
        },
      },
    ];
  }

  return (weight) => {
    const { name, shape, values } = weight;
    const stored = storedDType(name, shape, dtype);
    if (stored === "F8_E4M3") return quantized(weight);
    const pieces = () => (stored === "F32" ? bytePieces(values()) : halfPieces(values()));
    return [{ name, shape, dtype: stored, pieces }];
  };
}

async function* bytePieces(values: AsyncIterable<Float32Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of values) yield bytesOf(piece);
}

function bytesOf(values: Float32Array | Uint16Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
