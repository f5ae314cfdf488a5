import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { fromFloat32 } from "./convert.ts";
import { type SafetensorsDType, safetensorsBytes } from "./format.ts";

/** A tensor to be written. Its values are asked for when their turn comes, so that one is in memory at a time. */
export interface TensorToWrite {
  readonly name: string;
  readonly dtype: "F32" | "BF16";
  readonly shape: readonly number[];
  readonly values: () => Float32Array | Promise<Float32Array>;
}

/**
 * A tensor to be written piece by piece: its bytes as stored, in order. A piece is on its way to the disk before the next one is asked
 * for, so that all may share a buffer.
 */
export interface StreamToWrite {
  readonly name: string;
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  readonly pieces: () => AsyncIterable<Uint8Array>;
}

/**
 * Writes a .safetensors file. It appears under its name whole or not at all: a temporary file beside it is filled,
 * flushed to the disk and renamed.
 *
 * @throws if two tensors share a name, or values do not fit their shape.
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<TensorToWrite | StreamToWrite>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const list = [...tensors];
  const starts = layOut(list);
  const header: Record<string, unknown> = { __metadata__: metadata };
  for (const { name, dtype, shape } of list) {
    if (Object.hasOwn(header, name)) throw new Error(`writing ${path}: two tensors are named ${name}`);
    const start = starts.get(name) as number;
    header[name] = { dtype, shape, data_offsets: [start, start + storedBytes(dtype, shape)] };
  }
  await writeAtomically(path, async (handle) => {
    const text = JSON.stringify(header);
    const bytes = new TextEncoder().encode(text);
    // Spaces bring the data to a multiple of 8 bytes, as the format allows.
    const padded = new Uint8Array(Math.ceil(bytes.length / 8) * 8).fill(0x20);
    padded.set(bytes);
    const length = new DataView(new ArrayBuffer(8));
    length.setBigUint64(0, BigInt(padded.length), true);
    await writeFully(handle, new Uint8Array(length.buffer), 0);
    await writeFully(handle, padded, 8);
    for (const tensor of list) {
      const { name, dtype, shape } = tensor;
      const size = storedBytes(dtype, shape);
      const refuse = (got: string) =>
        new Error(`writing ${path}: ${name} ${dtype} [${shape.join(", ")}] got ${got} bytes, expected ${size}`);
      let written = 0;
      for await (const piece of "pieces" in tensor ? tensor.pieces() : wholeOf(tensor)) {
        // More would run into the next tensor.
        if (written + piece.byteLength > size) throw refuse(`at least ${written + piece.byteLength}`);
        await writeFully(handle, piece, 8 + padded.length + (starts.get(name) as number) + written);
        written += piece.byteLength;
      }
      if (written !== size) throw refuse(String(written));
    }
  });
}

/**
 * Where each tensor begins. Wide elements come first, in the order given otherwise: then each begins at a multiple of its element's size,
 * which PyTorch's reader needs.
 */
function layOut(list: readonly (TensorToWrite | StreamToWrite)[]): Map<string, number> {
  const starts = new Map<string, number>();
  let offset = 0;
  for (const { name, dtype, shape } of list.toSorted((a, b) => safetensorsBytes[b.dtype] - safetensorsBytes[a.dtype])) {
    starts.set(name, offset);
    offset += storedBytes(dtype, shape);
  }
  return starts;
}

async function writeFully(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.byteLength - done, position + done);
    done += bytesWritten;
  }
}

async function* wholeOf({ name, dtype, values }: TensorToWrite): AsyncGenerator<Uint8Array> {
  yield fromFloat32(await values(), dtype, name);
}

/** Bytes of a tensor in a file. */
export function storedBytes(dtype: SafetensorsDType, shape: readonly number[]): number {
  return shape.reduce((product, axis) => product * axis, 1) * safetensorsBytes[dtype];
}

/** Fills a file so that a crash leaves the old one or the new one, never half of it. */
export async function writeAtomically(path: string, fill: (handle: FileHandle) => Promise<void>): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const handle = await open(temporary, "w");
    try {
      await fill(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Flushes a directory: only then does a rename in it last. Where the system cannot, nothing happens. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path).catch(() => null);
  await directory?.sync().catch(() => {});
  await directory?.close();
}
