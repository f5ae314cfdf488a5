import { mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import {
  type StreamToWrite,
  safetensorsBytes,
  scaleShape,
  storedBytes,
  syncDirectory,
  writeAtomically,
  writeShards,
} from "@baltoro/tensor";
import { parseConfig, readConfigJson } from "./config.ts";
import { k2Blocks, quantizationFields, scaleSuffix } from "./quantization.ts";
import { storedDType, type WeightDType, weightStore } from "./stored-weights.ts";
import { openWeights, type WeightFile } from "./weight-file.ts";

/** Options of {@link exportCheckpoint}. */
export interface ExportOptions {
  readonly dtype: WeightDType;
  /** Most bytes of tensors in a file (default 5 GB). */
  readonly shardBytes?: number;
  /** Told after each piece how many bytes of the source are done. */
  readonly onProgress?: (bytes: number, total: number) => void;
  /** Ends the export; nothing of it stays. */
  readonly signal?: AbortSignal;
}

/** What {@link exportCheckpoint} wrote. */
export interface ExportSummary {
  /** Weights, without the scales of quantized ones. */
  readonly weights: number;
  readonly quantized: number;
  /** Bytes of tensors that were read and that were written. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly files: readonly string[];
}

/** What belongs to a model beside its weights and config.json, where it is there. */
const companions = [
  "tiktoken.model",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "chat_template.jinja",
  "generation_config.json",
  "tokenization_kimi.py",
  "baltoro.json",
  "LICENSE",
];

/**
 * Writes a checkpoint again in another element type or other shards: config.json with its `quantization_config`, tokenizer and card
 * included. Needs no device and holds one row of blocks of one tensor at a time, so that the size of the model does not matter.
 * What is stored as it is wanted is copied byte for byte. The directory appears whole or not at all.
 *
 * @throws if the target exists and is not empty, and whatever reading throws.
 */
export async function exportCheckpoint(source: string, target: string, options: ExportOptions): Promise<ExportSummary> {
  const held = await readdir(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw new Error(`${target} cannot be written to: ${error.message}`);
  });
  if (held.length > 0) throw new Error(`${target} is not empty: name a new directory, or remove it`);
  const { json, path } = await readConfigJson(source);
  parseConfig(json, path);
  const file = await openWeights(source);
  const temporary = `${resolve(target)}.${process.pid}.tmp`;
  try {
    await mkdir(temporary, { recursive: true });
    const tensors = tensorsToWrite(file, options);
    const files = await writeShards(temporary, tensors, {
      metadata: { format: "pt", ...file.metadata },
      ...(options.shardBytes === undefined ? {} : { shardBytes: options.shardBytes }),
    });
    const fields = configFields(json as Fields, options.dtype);
    await writeAtomically(join(temporary, "config.json"), async (handle) => {
      await handle.writeFile(`${JSON.stringify(fields, null, 2)}\n`);
    });
    const present = await readdir(source);
    const copied = companions.filter((name) => present.includes(name));
    for (const name of copied) {
      const bytes = await readFile(join(source, name));
      await writeAtomically(join(temporary, name), (handle) => handle.writeFile(bytes));
    }
    await syncDirectory(temporary);
    await rename(temporary, target);
    await syncDirectory(dirname(resolve(target)));
    return {
      weights: file.names.length,
      quantized: tensors.filter(({ dtype }) => dtype === "F8_E4M3").length,
      bytesRead: weightBytes(file) + scaleBytes(file),
      bytesWritten: tensors.reduce((sum, { dtype, shape }) => sum + storedBytes(dtype, shape), 0),
      files: [...files, "config.json", ...copied],
    };
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  } finally {
    await file.close();
  }
}

function weightBytes(file: WeightFile): number {
  return file.names.reduce((sum, name) => sum + storedBytes(file.info(name).dtype, file.info(name).shape), 0);
}

function scaleBytes(file: WeightFile): number {
  return file.names
    .map((name) => file.info(name))
    .filter(({ dtype }) => dtype === "F8_E4M3")
    .reduce((sum, { shape }) => sum + storedBytes("F32", scaleShape(shape, k2Blocks)), 0);
}

function tensorsToWrite(file: WeightFile, { dtype: wanted, onProgress, signal }: ExportOptions): StreamToWrite[] {
  const store = weightStore(wanted);
  const total = weightBytes(file);
  let done = 0;
  async function* counted<T extends Float32Array | Uint8Array>(pieces: AsyncIterable<T>, elementBytes: number) {
    for await (const piece of pieces) {
      signal?.throwIfAborted();
      yield piece;
      done += piece.length * elementBytes;
      onProgress?.(done, total);
    }
  }
  return file.names.flatMap((name) => {
    const { dtype, shape } = file.info(name);
    const size = safetensorsBytes[dtype];
    if (dtype !== storedDType(name, shape, wanted)) {
      return store({ name, shape, values: () => counted(file.values(name), size) });
    }
    const same: StreamToWrite = { name, shape, dtype, pieces: () => counted(file.bytes(name), 1) };
    if (dtype !== "F8_E4M3") return [same];
    return [
      same,
      {
        name: name + scaleSuffix,
        shape: scaleShape(shape, k2Blocks),
        dtype: "F32",
        async *pieces() {
          yield new Uint8Array((await file.scales(name)).buffer);
        },
      },
    ];
  });
}

type Fields = Readonly<Record<string, unknown>>;

/** The source's config.json with what depends on the element type; transformers 5 calls `torch_dtype` `dtype`. */
function configFields(fields: Fields, dtype: WeightDType): Fields {
  const { quantization_config: _, ...others } = fields;
  return {
    ...others,
    ["dtype" in fields ? "dtype" : "torch_dtype"]: dtype === "F32" ? "float32" : "bfloat16",
    ...(dtype === "F8_E4M3" ? { quantization_config: quantizationFields } : {}),
  };
}
