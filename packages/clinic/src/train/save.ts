import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { writeSafetensors } from "@baltoro/tensor";
import { writeFileAtomic } from "@baltoro/training";
import { diseases, type ModelIdentity } from "../diagnosis/index.ts";
import type { FusionConfig, FusionModel, MeasurementScales } from "../model/index.ts";
import type { Calibration } from "./calibration.ts";
import type { TrainingOptions } from "./options.ts";

/** What the directory's config.json holds. */
export interface SavedConfig {
  readonly name: string;
  readonly version: string;
  readonly trainedOn: ModelIdentity["training"];
  readonly model: FusionConfig;
  readonly scales: MeasurementScales;
  readonly missing: readonly string[];
  readonly training: TrainingOptions & { readonly seed: number };
}

/** What is saved: anything trained here. */
export interface SavableModel {
  readonly model: FusionModel;
  readonly training: TrainingOptions;
  readonly seed: number;
  readonly calibration: readonly (Calibration | null)[];
}

export interface SaveOptions {
  readonly name: string;
  readonly version: string;
  readonly trainedOn: ModelIdentity["training"];
  /** README.md: what it is, what it was trained on, how good it is, what it is not for. */
  readonly card: string;
}

/** Writes model.safetensors, config.json, vocabulary.json, calibration.json and README.md, each of them whole or not at all. */
export async function saveDiagnosisModel(
  trained: SavableModel,
  directory: string,
  options: SaveOptions,
): Promise<void> {
  const { model, calibration, training, seed } = trained;
  await mkdir(directory, { recursive: true });
  const { name, version, trainedOn, card } = options;
  const config: SavedConfig = {
    ...{ name, version, trainedOn, model: model.config, scales: model.scales, missing: model.missing },
    training: { ...training, seed },
  };
  const write = (file: string, value: unknown) =>
    writeFileAtomic(join(directory, file), `${JSON.stringify(value, null, 1)}\n`);
  const tensors = model.parameters
    .filter(({ pretraining }) => !pretraining)
    .map(({ name: tensorName, tensor }) => ({
      name: tensorName,
      dtype: "F32" as const,
      shape: tensor.shape,
      values: async () => Float32Array.from(await tensor.read()),
    }));
  write("config.json", config);
  write("vocabulary.json", model.vocabulary);
  write("calibration.json", Object.fromEntries(diseases.map((disease, c) => [disease, calibration[c] ?? null])));
  writeFileAtomic(join(directory, "README.md"), card);
  await writeSafetensors(join(directory, "model.safetensors"), tensors, { format: "pt" });
}
