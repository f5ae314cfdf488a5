import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type K2Model, loadWeights, namedWeights, saveTokenizer, saveWeights, type Tokenizer } from "@baltoro/k2";
import { openSafetensors, writeSafetensors } from "@baltoro/tensor";
import type { SavedTensor } from "../distributed/index.ts";
import { writeFileAtomic } from "../runfiles/index.ts";
import type { TrainingEnvironment } from "./environment.ts";

/** Where a run stands. */
export interface TrainingState {
  readonly step: number;
  readonly tokens: number;
  readonly seconds: number;
  readonly environment: TrainingEnvironment;
}

const optimizerFile = "optimizer.safetensors";
const stateFile = "training.json";

/** Writes model (f32, exact), tokenizer, optimizer and state into a directory. Waits for the device. */
export async function saveTraining(
  directory: string,
  model: K2Model,
  tokenizer: Tokenizer,
  optimizer: readonly SavedTensor[],
  state: TrainingState,
): Promise<void> {
  await saveWeights(model, directory, "F32");
  await saveTokenizer(tokenizer, directory);
  const tensors = optimizer.map(({ name, shape, values }) => ({ name, dtype: "F32" as const, shape, values }));
  await writeSafetensors(join(directory, optimizerFile), tensors);
  writeFileAtomic(join(directory, stateFile), `${JSON.stringify(state, null, 2)}\n`);
}

/** What the other ranks do while rank 0 saves: they bring it what they hold, in the order in which it writes. */
export async function bringTraining(model: K2Model, optimizer: readonly SavedTensor[]): Promise<void> {
  for (const { name, tensor } of namedWeights(model.weights))
    if (name.includes("*")) await model.experts?.gather(tensor);
  for (const { values } of optimizer) await values();
}

/** Reads what `saveTraining` wrote, under any number of ranks, into a model and its optimizer. @throws if a tensor is missing or of another shape. */
export async function loadTraining(
  directory: string,
  model: K2Model,
  optimizer: readonly SavedTensor[],
): Promise<TrainingState> {
  await loadWeights(model, directory);
  const path = join(directory, optimizerFile);
  const file = await openSafetensors(path);
  try {
    for (const { name, shape: expected, load } of optimizer) {
      if (!file.names.includes(name))
        throw new Error(`${path}: ${name} is missing; the run was made with another optimizer or model`);
      const { shape } = file.info(name);
      if (shape.join() !== expected.join())
        throw new Error(`${path}: ${name} has shape [${shape}], expected [${expected}]`);
      load(await file.readFloat32(name));
    }
  } finally {
    await file.close();
  }
  return JSON.parse(readFileSync(join(directory, stateFile), "utf8")) as TrainingState;
}
