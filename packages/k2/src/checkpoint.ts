import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  formatShape,
  openSafetensors,
  type SafetensorsFile,
  type Tensor,
  type TensorToWrite,
  writeSafetensors,
} from "@baltoro/tensor";
import { type K2Config, toHuggingFace } from "./config.ts";
import type { K2Model } from "./model/index.ts";
import { namedWeights } from "./model/index.ts";

/** Element type of saved weights. bf16 halves the size and is what serving needs; f32 is exact, for resuming. */
export type WeightDType = "BF16" | "F32";

/**
 * Writes config.json and model.safetensors under Hugging Face names: `transformers` opens the directory as DeepSeek-V3.
 * Batched experts are split into one tensor each. Waits for the device.
 */
export async function saveWeights(
  model: K2Model,
  directory: string,
  dtype: WeightDType,
  metadata: Record<string, string> = {},
): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "config.json"), `${JSON.stringify(toHuggingFace(model.config), null, 2)}\n`);
  await writeSafetensors(join(directory, "model.safetensors"), tensorsToWrite(model, dtype), {
    format: "pt",
    ...metadata,
  });
}

function* tensorsToWrite(model: K2Model, dtype: WeightDType): Generator<TensorToWrite> {
  for (const { name, tensor, kind } of namedWeights(model.weights)) {
    const stored = kind === "bias" ? "F32" : dtype;
    let values: Promise<Float32Array> | undefined;
    const whole = () => {
      values ??= model.experts && name.includes("*") ? model.experts.gather(tensor) : readFloats(tensor);
      return values;
    };
    if (!name.includes("*")) {
      yield { name, dtype: stored, shape: tensor.shape, values: whole };
      continue;
    }
    const [held, ...shape] = tensor.shape;
    const size = tensor.size / held;
    for (let expert = 0; expert < model.config.nRoutedExperts; expert++) {
      const part = async () => (await whole()).subarray(expert * size, (expert + 1) * size);
      yield { name: name.replace("*", String(expert)), dtype: stored, shape, values: part };
    }
  }
}

async function readFloats(tensor: Tensor): Promise<Float32Array> {
  const values = await tensor.read();
  return values instanceof Float32Array ? values : Float32Array.from(values);
}

/**
 * Reads weights from a file or a sharded directory into a model. Tensors are streamed one at a time.
 *
 * @throws if a tensor is missing or has another shape than the config says, naming it and both shapes.
 */
export async function loadWeights(model: K2Model, path: string): Promise<void> {
  for await (const { tensor, values } of readWeights(model, path)) tensor.write(values);
}

/**
 * Reads weights into the host's memory and returns the act of writing them, which cannot fail half-way: a model that is in use
 * has either its old weights or the new ones.
 *
 * @throws as {@link loadWeights} does, before anything was changed.
 */
export async function stageWeights(model: K2Model, path: string): Promise<() => void> {
  const staged: LoadedWeight[] = [];
  for await (const weight of readWeights(model, path)) staged.push(weight);
  return () => {
    for (const { tensor, values } of staged) tensor.write(values);
  };
}

interface LoadedWeight {
  readonly tensor: Tensor;
  readonly values: Float32Array;
}

async function* readWeights(model: K2Model, path: string): AsyncGenerator<LoadedWeight> {
  const file = await openSafetensors(path);
  try {
    for (const { name, tensor, kind } of namedWeights(model.weights)) {
      if (kind === "bias" && !file.names.includes(name)) yield { tensor, values: new Float32Array(tensor.size) };
      else yield { tensor, values: await readWeight(file, name, tensor.shape, path, model.experts?.first) };
    }
  } finally {
    await file.close();
  }
}

async function readWeight(
  file: SafetensorsFile,
  name: string,
  shape: readonly number[],
  path: string,
  first = 0,
): Promise<Float32Array> {
  if (!name.includes("*")) return readChecked(file, name, shape, path);
  const [experts, ...rest] = shape;
  const size = rest.reduce((product, axis) => product * axis, 1);
  const values = new Float32Array(experts * size);
  for (let expert = 0; expert < experts; expert++) {
    values.set(await readChecked(file, name.replace("*", String(first + expert)), rest, path), expert * size);
  }
  return values;
}

async function readChecked(
  file: SafetensorsFile,
  name: string,
  shape: readonly number[],
  path: string,
): Promise<Float32Array> {
  if (!file.names.includes(name)) {
    throw new Error(`${path}: the tensor ${name} is missing; config.json describes another model than these weights`);
  }
  const found = file.info(name).shape;
  if (found.join() !== shape.join()) {
    throw new Error(`${path}: ${name} has shape ${formatShape(found)}, config.json asks for ${formatShape(shape)}`);
  }
  return file.readFloat32(name);
}

/** Bytes of latent cache per token of a config, in f32. */
export function latentCacheBytes(config: K2Config): number {
  return 4 * config.numHiddenLayers * (config.kvLoraRank + config.qkRopeHeadDim);
}
