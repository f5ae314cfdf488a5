import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import {
  decodeFloats,
  dequantizeBlockRow,
  formatShape,
  openSafetensors,
  type SafetensorsDType,
  SafetensorsError,
  safetensorsBytes,
  scaleShape,
} from "@baltoro/tensor";
import { readConfigJson } from "./config.ts";
import { k2Blocks, parseQuantization, quantizationFields, scaleSuffix } from "./quantization.ts";

/**
 * The weights of a checkpoint, whatever they are stored as. A tensor passes in pieces of whole rows of blocks, through two buffers
 * that all tensors share: one is read at a time, and a piece is good until the next one is asked for.
 */
export interface WeightFile {
  /** Weights, without the scales of others. */
  readonly names: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  has(name: string): boolean;
  info(name: string): { readonly dtype: SafetensorsDType; readonly shape: readonly number[] };
  /** Values in f32, dequantized if they are e4m3. */
  values(name: string): AsyncGenerator<Float32Array>;
  /** Bytes as stored. */
  bytes(name: string): AsyncGenerator<Uint8Array>;
  /** Scales of an e4m3 weight, [⌈out / rows⌉, ⌈in / columns⌉]. */
  scales(name: string): Promise<Float32Array>;
  close(): Promise<void>;
}

/** `self_attn.rotary_emb.inv_freq` in K2's files is computed, not trained. */
const leftover = /\.rotary_emb\.inv_freq$/;

/**
 * Opens the weights of a checkpoint, one file or shards, and checks every e4m3 weight's scales.
 *
 * @throws SafetensorsError for a damaged or missing file, for scales that are missing or of another shape or dtype, each named with
 * what was expected and found; Error where config.json does not say what the blocks are.
 */
export async function openWeights(path: string): Promise<WeightFile> {
  const file = await openSafetensors(path);
  try {
    const isScale = (name: string) => name.endsWith(scaleSuffix) && file.has(name.slice(0, -scaleSuffix.length));
    const names = file.names.filter((name) => !isScale(name) && !leftover.test(name));
    const quantized = names.filter((name) => file.info(name).dtype === "F8_E4M3");
    if (quantized.length > 0) await checkConfig(path, quantized[0]);
    for (const name of quantized) checkScales(name);
    let raw = new Uint8Array(0);
    let floats = new Float32Array(0);
    let reading: string | null = null;

    return {
      names,
      metadata: file.metadata,
      has: (name) => file.has(name),
      info: (name) => file.info(name),
      values,
      bytes,
      scales,
      close: () => file.close(),
    };

    function checkScales(name: string): void {
      const { shape } = file.info(name);
      const scaleName = name + scaleSuffix;
      const refuse = (found: string): never => {
        const expected = shape.length === 2 ? formatShape(scaleShape(shape, k2Blocks)) : "of a matrix";
        throw new SafetensorsError(
          `${file.fileOf(name)}: ${name} F8_E4M3 ${formatShape(shape)} in blocks of ${k2Blocks.rows} × ${k2Blocks.columns} needs ${scaleName} F32 ${expected}, found ${found}`,
        );
      };
      if (shape.length !== 2) refuse(`${shape.length} axes`);
      if (!file.has(scaleName)) refuse("no such tensor");
      const { dtype, shape: found } = file.info(scaleName);
      if (dtype !== "F32" || found.join() !== scaleShape(shape, k2Blocks).join()) {
        refuse(`${dtype} ${formatShape(found)} in ${file.fileOf(scaleName)}`);
      }
    }

    async function scales(name: string): Promise<Float32Array> {
      const result = await file.readFloat32(name + scaleSuffix);
      const wrong = result.findIndex((scale) => !(scale >= 0 && scale < Number.POSITIVE_INFINITY));
      if (wrong >= 0) {
        const across = scaleShape(file.info(name).shape, k2Blocks)[1];
        throw new SafetensorsError(
          `${file.fileOf(name + scaleSuffix)}: ${name}${scaleSuffix}[${Math.floor(wrong / across)}, ${wrong % across}] is ${result[wrong]}, expected a finite scale from 0`,
        );
      }
      return result;
    }

    async function* bytes(name: string): AsyncGenerator<Uint8Array> {
      const { dtype, shape } = file.info(name);
      const columns = shape.at(-1) ?? 1;
      const size = shape.reduce((product, axis) => product * axis, 1) * safetensorsBytes[dtype];
      const piece = Math.min(size, k2Blocks.rows * columns * safetensorsBytes[dtype]);
      if (reading !== null) throw new Error(`${path}: ${name} was asked for while ${reading} is read`);
      reading = name;
      try {
        if (raw.length < piece) raw = new Uint8Array(piece);
        for (let at = 0; at < size; at += piece) {
          const part = raw.subarray(0, Math.min(piece, size - at));
          await file.readInto(name, part, at);
          yield part;
        }
      } finally {
        reading = null;
      }
    }

    async function* values(name: string): AsyncGenerator<Float32Array> {
      const { dtype, shape } = file.info(name);
      const scale = dtype === "F8_E4M3" ? await scales(name) : null;
      const across = scale ? scaleShape(shape, k2Blocks)[1] : 0;
      let blockRow = 0;
      for await (const part of bytes(name)) {
        const length = part.length / safetensorsBytes[dtype];
        if (floats.length < length) floats = new Float32Array(length);
        const result = floats.subarray(0, length);
        if (scale) {
          const rowScales = scale.subarray(blockRow * across, (blockRow + 1) * across);
          dequantizeBlockRow(part, shape[1], k2Blocks.columns, rowScales, result);
          blockRow++;
        } else decodeFloats(part, dtype, result, name);
        yield result;
      }
    }
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** e4m3 means what config.json says that it means. */
async function checkConfig(path: string, name: string): Promise<void> {
  const directory = (await stat(path)).isDirectory() ? path : dirname(path);
  const { json, path: source } = await readConfigJson(directory);
  if (parseQuantization(json, source)) return;
  throw new Error(
    `${source}: ${name} is stored as F8_E4M3, but there is no quantization_config that says in what blocks; K2's is ${JSON.stringify(quantizationFields)}`,
  );
}
