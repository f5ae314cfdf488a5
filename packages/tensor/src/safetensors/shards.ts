import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type StreamToWrite, storedBytes, type TensorToWrite, writeAtomically, writeSafetensors } from "./write.ts";

/** Bytes of data of a shard unless told otherwise. */
export const defaultShardBytes = 5e9;

const indexName = "model.safetensors.index.json";
const singleName = "model.safetensors";

/** Options of {@link writeShards}. */
export interface ShardOptions {
  /** Most bytes of tensors in a file; a larger tensor gets a file of its own. */
  readonly shardBytes?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Splits tensors, in their order, into shards of at most `shardBytes` of data each, unless one tensor alone has more. */
export function planShards<T extends TensorToWrite | StreamToWrite>(tensors: Iterable<T>, shardBytes: number): T[][] {
  const shards: T[][] = [];
  let room = 0;
  for (const tensor of tensors) {
    const bytes = storedBytes(tensor.dtype, tensor.shape);
    if (shards.length === 0 || bytes > room) {
      shards.push([]);
      room = shardBytes;
    }
    shards[shards.length - 1].push(tensor);
    room -= bytes;
  }
  return shards.length === 0 ? [[]] : shards;
}

/**
 * Writes tensors into a directory under the names that Hugging Face looks for: model.safetensors where they fit into one file, else
 * model-1-of-61.safetensors and so on (K2's own names, without zeros in front), with model.safetensors.index.json. The index comes last and
 * weights of an earlier checkpoint in the directory go after that. Resolves to the names of the files.
 *
 * @throws as `writeSafetensors` does.
 */
export async function writeShards(
  directory: string,
  tensors: Iterable<TensorToWrite | StreamToWrite>,
  options: ShardOptions = {},
): Promise<string[]> {
  const shards = planShards(tensors, options.shardBytes ?? defaultShardBytes);
  const nameOf = (i: number) => (shards.length === 1 ? singleName : `model-${i + 1}-of-${shards.length}.safetensors`);
  for (const [i, shard] of shards.entries())
    await writeSafetensors(join(directory, nameOf(i)), shard, options.metadata);
  const files = shards.map((_, i) => nameOf(i));
  if (shards.length > 1) {
    await writeIndex(directory, shards, nameOf);
    files.push(indexName);
  }
  const stale = (await readdir(directory)).filter(
    (name) => (name === singleName || /^model-\d+-of-\d+\.safetensors$/.test(name)) && !files.includes(name),
  );
  // An old index goes before its shards.
  if (shards.length === 1) await rm(join(directory, indexName), { force: true });
  for (const name of stale) await rm(join(directory, name));
  return files;
}

async function writeIndex(
  directory: string,
  shards: readonly (readonly (TensorToWrite | StreamToWrite)[])[],
  nameOf: (shard: number) => string,
): Promise<void> {
  let totalSize = 0;
  const weightMap: Record<string, string> = {};
  for (const [i, shard] of shards.entries()) {
    for (const { name, dtype, shape } of shard) {
      if (Object.hasOwn(weightMap, name)) throw new Error(`writing ${directory}: two tensors are named ${name}`);
      weightMap[name] = nameOf(i);
      totalSize += storedBytes(dtype, shape);
    }
  }
  const index = { metadata: { total_size: totalSize }, weight_map: weightMap };
  await writeAtomically(join(directory, indexName), async (handle) => {
    await handle.writeFile(`${JSON.stringify(index, null, 2)}\n`);
  });
}
