import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formatShape, type StreamToWrite, writeShards } from "@baltoro/tensor";
import { blocksOf, copyOf, writeBlocks } from "./block-pieces.ts";
import { type K2Config, toHuggingFace } from "./config.ts";
import { type K2Model, type NamedWeight, namedWeights } from "./model/index.ts";
import { k2Blocks, quantizationFields } from "./quantization.ts";
import { type WeightDType, weightStore } from "./stored-weights.ts";
import { readInPieces, tensorWriter } from "./tensor-stream.ts";
import { openWeights, type WeightFile } from "./weight-file.ts";

/**
 * Writes config.json and the weights under Hugging Face names: `transformers` opens the directory as DeepSeek-V3. Batched experts are
 * split into one tensor each; many weights are split into shards. Waits for the device.
 */
export async function saveWeights(
  model: K2Model,
  directory: string,
  dtype: WeightDType,
  metadata: Record<string, string> = {},
): Promise<void> {
  await mkdir(directory, { recursive: true });
  const fields = toHuggingFace(model.config);
  if (dtype === "F8_E4M3") fields["quantization_config"] = quantizationFields;
  await writeFile(join(directory, "config.json"), `${JSON.stringify(fields, null, 2)}\n`);
  await writeShards(directory, tensorsToWrite(model, dtype), { metadata: { format: "pt", ...metadata } });
}

function* tensorsToWrite(model: K2Model, dtype: WeightDType): Generator<StreamToWrite> {
  const store = weightStore(dtype);
  const { experts, config } = model;
  for (const weight of namedWeights(model.weights)) {
    const { tensor } = weight;
    // Where ranks share the experts, all of them are gathered when the first is written.
    const shared = experts && weight.name.includes("*") ? experts : null;
    let gathered: Promise<Float32Array> | undefined;
    for (const { name, shape, first } of partsOf(weight, 0, shared ? config.nRoutedExperts : undefined)) {
      const size = shape.reduce((product, axis) => product * axis, 1);
      const length = k2Blocks.rows * (shape.at(-1) ?? 1);
      const all = () => {
        gathered ??= shared?.gather(tensor);
        return gathered as Promise<Float32Array>;
      };
      const values = () => (shared ? cutInPieces(all, first, size, length) : readInPieces(tensor, first, size, length));
      yield* store({ name, shape, values });
    }
  }
}

/** `size` values from `first` on, `length` at a time. */
async function* cutInPieces(all: () => Promise<Float32Array>, first: number, size: number, length: number) {
  const values = await all();
  for (let at = 0; at < size; at += length) {
    yield values.subarray(first + at, first + Math.min(size, at + length));
  }
}

/**
 * A tensor's place in a checkpoint: [E, …] experts of ours are `experts` tensors there, numbered from `firstExpert` on. `first` is the
 * element where a part begins.
 */
function* partsOf(
  { name, tensor }: NamedWeight,
  firstExpert: number,
  experts = tensor.shape[0],
): Generator<{ name: string; shape: readonly number[]; first: number }> {
  if (!name.includes("*")) {
    yield { name, shape: tensor.shape, first: 0 };
    return;
  }
  const [held, ...shape] = tensor.shape;
  for (let expert = 0; expert < experts; expert++) {
    yield { name: name.replace("*", String(firstExpert + expert)), shape, first: (expert * tensor.size) / held };
  }
}

/**
 * Reads weights from a file or a sharded directory into a model, F32, BF16, F16 or K2's e4m3. They are streamed: a row of blocks of
 * one tensor is in the host's memory at a time.
 *
 * @throws if a tensor is missing or has another shape than the config says, naming it and both shapes, before anything was
 * changed; if a file ends early, when some weights are already the new ones.
 */
export async function loadWeights(model: K2Model, path: string): Promise<void> {
  const write = tensorWriter();
  await withWeights(model, path, async (file, weights) => {
    for (const weight of weights) {
      if (weight.tensor.dtype !== "fp8e4m3") await write(weight.tensor, valuesOf(file, weight, model));
      else for await (const piece of blocksOf(file, namesOf(weight, model))) writeBlocks(weight.tensor, piece);
    }
  });
}

/**
 * Reads weights into the host's memory and returns the act of writing them, which cannot fail half-way: a model that is in use
 * has either its old weights or the new ones.
 *
 * @throws as {@link loadWeights} does, before anything was changed.
 */
export async function stageWeights(model: K2Model, path: string): Promise<() => void> {
  const acts: (() => void)[] = [];
  await withWeights(model, path, async (file, weights) => {
    for (const weight of weights) {
      const { tensor } = weight;
      if (tensor.dtype === "fp8e4m3") {
        for await (const piece of blocksOf(file, namesOf(weight, model))) {
          const own = copyOf(piece);
          acts.push(() => writeBlocks(tensor, own));
        }
        continue;
      }
      const values = new Float32Array(tensor.size);
      let at = 0;
      for await (const piece of valuesOf(file, weight, model)) {
        values.set(piece, at);
        at += piece.length;
      }
      acts.push(() => tensor.write(values));
    }
  });
  return () => {
    for (const act of acts) act();
  };
}

/** Opens the weights of a model, every one of them checked by the headers. */
async function withWeights(
  model: K2Model,
  path: string,
  use: (file: WeightFile, weights: readonly NamedWeight[]) => Promise<void>,
): Promise<void> {
  const file = await openWeights(path);
  try {
    const weights = namedWeights(model.weights);
    for (const weight of weights) if (!isAbsentBias(file, weight)) checkWeight(file, weight, model, path);
    await use(file, weights);
  } finally {
    await file.close();
  }
}

/** Checkpoints of models that were not balanced by a bias have none: it is zero. */
function isAbsentBias(file: WeightFile, { name, kind }: NamedWeight): boolean {
  return kind === "bias" && !file.has(name);
}

function checkWeight(file: WeightFile, weight: NamedWeight, model: K2Model, path: string): void {
  for (const { name, shape } of partsOf(weight, model.experts?.first ?? 0)) {
    if (!file.has(name)) {
      throw new Error(
        `${path}: the tensor ${name} is missing, expected ${formatShape(shape)}; config.json describes another model than these weights`,
      );
    }
    const found = file.info(name).shape;
    if (found.join() !== shape.join()) {
      throw new Error(`${path}: ${name} has shape ${formatShape(found)}, config.json asks for ${formatShape(shape)}`);
    }
  }
}

/** Where one of our tensors is in a file: one name, or one for each expert that is held. */
function namesOf(weight: NamedWeight, model: K2Model): string[] {
  return Array.from(partsOf(weight, model.experts?.first ?? 0), ({ name }) => name);
}

/** All values of one of our tensors, its experts one after the other. */
async function* valuesOf(file: WeightFile, weight: NamedWeight, model: K2Model): AsyncGenerator<Float32Array> {
  if (isAbsentBias(file, weight)) yield new Float32Array(weight.tensor.size);
  else for (const name of namesOf(weight, model)) yield* file.values(name);
}

/** Bytes of latent cache per token of a config, in f32. */
export function latentCacheBytes(config: K2Config): number {
  return 4 * config.numHiddenLayers * (config.kvLoraRank + config.qkRopeHeadDim);
}
