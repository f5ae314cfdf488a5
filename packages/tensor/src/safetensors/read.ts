import { type FileHandle, open, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { toFloat32 } from "./convert.ts";
import {
  damaged,
  maxHeaderBytes,
  parseHeader,
  type SafetensorsDType,
  SafetensorsError,
  type TensorInfo,
} from "./format.ts";

/** An open checkpoint of one file or several shards. Only headers are in memory: a tensor is read when it is asked for. */
export interface SafetensorsFile {
  readonly names: readonly string[];
  has(name: string): boolean;
  /** The file that holds a tensor: one of the shards. */
  fileOf(name: string): string;
  readonly metadata: Readonly<Record<string, string>>;
  info(name: string): {
    readonly dtype: SafetensorsDType;
    readonly shape: readonly number[];
    readonly byteLength: number;
  };
  /** The bytes as stored, little-endian. */
  read(name: string): Promise<Uint8Array>;
  /** Fills `target` with the bytes of a tensor from `byteOffset` on. @throws RangeError where it has fewer. */
  readInto(name: string, target: Uint8Array, byteOffset: number): Promise<void>;
  /** Values of F32, BF16 or F16. */
  readFloat32(name: string): Promise<Float32Array>;
  close(): Promise<void>;
}

interface Shard {
  readonly path: string;
  readonly handle: FileHandle;
  readonly dataStart: number;
  readonly infos: Map<string, TensorInfo>;
  readonly metadata: Record<string, string>;
}

/**
 * Opens a .safetensors file, a model.safetensors.index.json, or a directory that holds either.
 *
 * @throws SafetensorsError for anything that breaks the format, naming file and tensor.
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const file = await locate(path);
  const shards: Shard[] = [];
  const where = new Map<string, Shard>();
  try {
    if (file.endsWith(".index.json")) {
      for (const [shardName, tensors] of await readIndex(file)) {
        const shard = await openShard(join(dirname(file), shardName), () => {
          const others = tensors.length === 1 ? "" : ` and ${tensors.length - 1} others`;
          return `; ${file} expects ${tensors[0]}${others} in it. Copy or download it`;
        });
        shards.push(shard);
        for (const tensor of tensors) {
          if (!shard.infos.has(tensor)) {
            throw damaged(
              shard.path,
              `${file} says that it holds ${tensor}, it does not: its header names ${shard.infos.size} tensors`,
            );
          }
          where.set(tensor, shard);
        }
      }
    } else {
      const shard = await openShard(file);
      shards.push(shard);
      for (const name of shard.infos.keys()) where.set(name, shard);
    }
  } catch (error) {
    await Promise.all(shards.map(({ handle }) => handle.close()));
    throw error;
  }
  const find = (name: string): { shard: Shard; info: TensorInfo } => {
    const shard = where.get(name);
    const info = shard?.infos.get(name);
    if (!shard || !info) throw new SafetensorsError(`${file} holds no tensor ${name}`);
    return { shard, info };
  };
  const readInto = async (name: string, target: Uint8Array, byteOffset: number) => {
    const { shard, info } = find(name);
    const size = info.end - info.start;
    if (byteOffset < 0 || byteOffset + target.length > size) {
      throw new RangeError(
        `${shard.path}: bytes ${byteOffset} to ${byteOffset + target.length} of ${name}, it has ${size}`,
      );
    }
    await readExactly(shard.handle, shard.dataStart + info.start + byteOffset, target, shard.path, name);
  };
  const read = async (name: string) => {
    const { info } = find(name);
    const bytes = new Uint8Array(info.end - info.start);
    await readInto(name, bytes, 0);
    return bytes;
  };
  return {
    names: [...where.keys()],
    metadata: Object.assign({}, ...shards.map(({ metadata }) => metadata)),
    has: (name) => where.has(name),
    fileOf: (name) => find(name).shard.path,
    info(name) {
      const { info } = find(name);
      return { dtype: info.dtype, shape: info.shape, byteLength: info.end - info.start };
    },
    read,
    readInto,
    readFloat32: async (name) => toFloat32(await read(name), find(name).info.dtype, name),
    async close() {
      await Promise.all(shards.map(({ handle }) => handle.close()));
    },
  };
}

async function locate(path: string): Promise<string> {
  const kind = await stat(path).catch(() => null);
  if (!kind) throw new SafetensorsError(`${path} does not exist`);
  if (!kind.isDirectory()) return path;
  for (const name of ["model.safetensors.index.json", "model.safetensors"]) {
    const candidate = join(path, name);
    if (await stat(candidate).catch(() => null)) return candidate;
  }
  throw new SafetensorsError(`${path} holds neither model.safetensors nor model.safetensors.index.json`);
}

/** Names of the shards of an index, each with the tensors that it should hold. */
async function readIndex(path: string): Promise<Map<string, string[]>> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw damaged(path, `it is no JSON (${(error as Error).message})`);
  }
  const map = (json as { weight_map?: unknown } | null)?.weight_map;
  if (map === null || typeof map !== "object") throw damaged(path, "weight_map is missing");
  const shards = new Map<string, string[]>();
  for (const [name, shard] of Object.entries(map as Record<string, unknown>)) {
    if (typeof shard !== "string" || shard.includes("/") || shard.includes("\\")) {
      throw damaged(path, `weight_map sends ${name} to ${JSON.stringify(shard)}, expected a file beside it`);
    }
    const tensors = shards.get(shard);
    if (tensors) tensors.push(name);
    else shards.set(shard, [name]);
  }
  return shards;
}

async function openShard(path: string, purpose = () => ""): Promise<Shard> {
  const handle = await open(path).catch((error: Error) => {
    throw new SafetensorsError(`${path} cannot be opened: ${error.message}${purpose()}`);
  });
  try {
    const { size } = await handle.stat();
    if (size < 8) throw damaged(path, `it has ${size} bytes, a header alone needs more`);
    const start = new Uint8Array(8);
    await readExactly(handle, 0, start, path, "the header's length");
    const length = Number(new DataView(start.buffer).getBigUint64(0, true));
    if (length > maxHeaderBytes || 8 + length > size) {
      throw damaged(path, `its header claims ${length} bytes, the file has ${size}`);
    }
    const header = new Uint8Array(length);
    await readExactly(handle, 8, header, path, "the header");
    const text = new TextDecoder().decode(header);
    return { path, handle, dataStart: 8 + length, ...parseHeader(text, size - 8 - length, path) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function readExactly(
  handle: FileHandle,
  position: number,
  target: Uint8Array,
  path: string,
  what: string,
): Promise<void> {
  let done = 0;
  while (done < target.length) {
    const { bytesRead } = await handle.read(target, done, Math.min(target.length - done, 1 << 30), position + done);
    if (bytesRead === 0) throw damaged(path, `it ended while ${what} was read, ${target.length - done} bytes short`);
    done += bytesRead;
  }
}
