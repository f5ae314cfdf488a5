import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { openSafetensors, type Tensor, writeSafetensors } from "@baltoro/tensor";
import type { FusionModel } from "../model/index.ts";
import type { PhaseOptimizer } from "./steps.ts";

/** Where training stands between two epochs. */
export interface TrainingState {
  /** Hash of data, options and seed: a checkpoint is only of use for the same. */
  readonly fingerprint: string;
  readonly pretrained: number;
  readonly trained: number;
  readonly taken: number;
  readonly history: readonly EpochRecord[];
  readonly tokens: number;
  readonly seconds: number;
}

export interface EpochRecord {
  readonly epoch: number;
  readonly loss: number;
  /** Mean average precision on the validation notes. */
  readonly validation: number;
}

/** All tensors that training goes on from. */
export interface TrainingTensors {
  readonly model: FusionModel;
  readonly averaged: FusionModel;
  readonly masked: PhaseOptimizer;
  readonly labelled: PhaseOptimizer;
}

const file = "checkpoint.safetensors";

export function checkpointPath(directory: string): string {
  return join(directory, file);
}

/** Writes the checkpoint of a directory: the old one stays until the new one is whole. */
export async function writeCheckpoint(
  directory: string,
  { model, averaged, masked, labelled }: TrainingTensors,
  best: readonly Float32Array[] | undefined,
  state: TrainingState,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  const entry = (name: string, tensor: Tensor, values?: Float32Array) => ({
    name,
    dtype: "F32" as const,
    shape: tensor.shape,
    values: async () => values ?? Float32Array.from(await tensor.read()),
  });
  const optimizers = { masked, labelled };
  const entries = [
    ...model.parameters.map(({ name, tensor }) => entry(`model.${name}`, tensor)),
    ...averaged.parameters.map(({ name, tensor }) => entry(`averaged.${name}`, tensor)),
    ...(best ?? []).map((values, i) => entry(`best.${model.parameters[i].name}`, model.parameters[i].tensor, values)),
    ...Object.entries(optimizers).flatMap(([phase, optimizer]) =>
      [...optimizer.tensors()].map(([name, tensor]) => entry(`${phase}.${name}`, tensor)),
    ),
  ];
  const steps = { masked: masked.progress(), labelled: labelled.progress() };
  await writeSafetensors(checkpointPath(directory), entries, { state: JSON.stringify({ ...state, steps }) });
}

/**
 * Puts training where a checkpoint left it. undefined where there is none.
 *
 * @throws if it is of other data, options or seed
 */
export async function readCheckpoint(
  directory: string,
  { model, averaged, masked, labelled }: TrainingTensors,
  fingerprint: string,
): Promise<{ readonly state: TrainingState; readonly best: Float32Array[] | undefined } | undefined> {
  const path = checkpointPath(directory);
  if (!existsSync(path)) return undefined;
  const checkpoint = await openSafetensors(path);
  try {
    const { steps, ...state } = JSON.parse(checkpoint.metadata["state"]) as TrainingState & {
      readonly steps: Readonly<Record<"masked" | "labelled", ReturnType<PhaseOptimizer["progress"]>>>;
    };
    if (state.fingerprint !== fingerprint)
      throw new Error(
        `${path}: the checkpoint is of other data, options or another seed; give the same ones, or another --out, or no --resume`,
      );
    const fill = async (prefix: string, { parameters }: FusionModel) => {
      for (const { name, tensor } of parameters) tensor.write(await checkpoint.readFloat32(`${prefix}.${name}`));
    };
    await fill("model", model);
    await fill("averaged", averaged);
    const optimizers = { masked, labelled };
    for (const phase of ["masked", "labelled"] as const) {
      optimizers[phase].restore(steps[phase]);
      for (const [name, tensor] of optimizers[phase].tensors())
        tensor.write(await checkpoint.readFloat32(`${phase}.${name}`));
    }
    const hasBest = checkpoint.has(`best.${model.parameters[0].name}`);
    const best: Float32Array[] = [];
    if (hasBest) for (const { name } of model.parameters) best.push(await checkpoint.readFloat32(`best.${name}`));
    return { state, best: hasBest ? best : undefined };
  } finally {
    await checkpoint.close();
  }
}

/** The finished model takes the checkpoint's place. */
export async function removeCheckpoint(directory: string): Promise<void> {
  await rm(checkpointPath(directory), { force: true });
}
