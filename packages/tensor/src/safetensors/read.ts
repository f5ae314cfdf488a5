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
  readonly metadata: Readonly<Record<string, string>>;
  info(name: string): {
    readonly dtype: SafetensorsDType;
    readonly shape: readonly number[];
    readonly byteLength: number;
  };
  /** The bytes as stored, little-endian. */
  read(name: string): Promise<Uint8Array>;
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
      const map = await readIndex(file);
      for (const name of new Set(map.values())) shards.push(await openShard(join(dirname(file), name)));
      for (const [tensor, shardName] of map) {
        const shard = shards.find(({ path: shardPath }) => shardPath === join(dirname(file), shardName)) as Shard;
        if (!shard.infos.has(tensor)) throw damaged(shard.path, `${file} says that it holds ${tensor}, it does not`);
        where.set(tensor, shard);
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
  const read = async (name: string) => {
    const { shard, info } = find(name);
    return readExactly(shard.handle, shard.dataStart + info.start, info.end - info.start, shard.path, name);
  };
  return {
    names: [...where.keys()],
    metadata: Object.assign({}, ...shards.map(({ metadata }) => metadata)),
    info(name) {
      const { info } = find(name);
      return { dtype: info.dtype, shape: info.shape, byteLength: info.end - info.start };
    },
    read,
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

async function readIndex(path: string): Promise<Map<string, string>> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw damaged(path, `it is no JSON (${(error as Error).message})`);
  }
  const map = (json as { weight_map?: unknown } | null)?.weight_map;
  if (map === null || typeof map !== "object") throw damaged(path, "weight_map is missing");
  for (const [name, shard] of Object.entries(map as Record<string, unknown>)) {
    if (typeof shard !== "string" || shard.includes("/") || shard.includes("\\")) {
      throw damaged(path, `weight_map sends ${name} to ${JSON.stringify(shard)}, expected a file beside it`);
    }
  }
  return new Map(Object.entries(map as Record<string, string>));
}

async function openShard(path: string): Promise<Shard> {
  const handle = await open(path).catch((error: Error) => {
    throw new SafetensorsError(`${path} cannot be opened: ${error.message}`);
  });
  try {
    const { size } = await handle.stat();
    if (size < 8) throw damaged(path, `it has ${size} bytes, a header alone needs more`);
    const length = Number(
      new DataView((await readExactly(handle, 0, 8, path, "the header's length")).buffer).getBigUint64(0, true),
    );
    if (length > maxHeaderBytes || 8 + length > size) {
      throw damaged(path, `its header claims ${length} bytes, the file has ${size}`);
    }
    const text = new TextDecoder().decode(await readExactly(handle, 8, length, path, "the header"));
    return { path, handle, dataStart: 8 + length, ...parseHeader(text, size - 8 - length, path) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function readExactly(
  handle: FileHandle,
  position: number,
  length: number,
  path: string,
  what: string,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, Math.min(length - done, 1 << 30), position + done);
    if (bytesRead === 0) throw damaged(path, `it ended while ${what} was read, ${length - done} bytes short`);
    done += bytesRead;
  }
  return bytes;
}
