import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { openDevice, openSafetensors } from "@baltoro/tensor";
import { type DiagnosisModel, diseases, type ModelIdentity, type ModelInput } from "../diagnosis/index.ts";
import {
  checkConfig,
  createFusionModel,
  type FusionModel,
  type Relevance,
  type RelevanceOptions,
  readHead,
  relevanceOf,
} from "../model/index.ts";
import { parseVocabulary } from "../tokens/index.ts";
import type { Calibration } from "./calibration.ts";
import { predictor } from "./predictor.ts";
import type { SavedConfig } from "./save.ts";

/** The files that a model's identity is the hash of, in this order; the last where there is one. */
const hashedFiles = ["config.json", "vocabulary.json", "calibration.json", "model.safetensors", "assess.json"] as const;

/** A model from a directory. */
export interface LoadedModel extends DiagnosisModel {
  readonly identity: ModelIdentity;
  readonly model: FusionModel;
  readonly calibration: readonly (Calibration | null)[];
  /** What speaks for each disease, in log-odds; only of models with attentive fusion. */
  relevance?(input: ModelInput, options?: RelevanceOptions): Promise<Relevance>;
  close(): Promise<void>;
}

export interface LoadOptions {
  /** Processor threads. Default one: a note is small. */
  readonly threads?: number;
}

/**
 * Opens a model that `saveDiagnosisModel` wrote.
 *
 * @throws if a file is missing or damaged, naming it and what is wrong
 */
export async function loadDiagnosisModel(directory: string, { threads = 1 }: LoadOptions = {}): Promise<LoadedModel> {
  const config = parseConfig(await readText(directory, "config.json"), join(directory, "config.json"));
  const vocabulary = parseVocabulary(await readText(directory, "vocabulary.json"), join(directory, "vocabulary.json"));
  const calibration = parseCalibration(
    await readText(directory, "calibration.json"),
    join(directory, "calibration.json"),
  );
  if (vocabulary.tokens.length !== config.model.tokens || vocabulary.words.length !== config.model.words)
    throw new Error(
      `${directory}: vocabulary.json has ${vocabulary.tokens.length} tokens and ${vocabulary.words.length} words, config.json says ${config.model.tokens} and ${config.model.words}; the files are of different models`,
    );
  const hash = await hashOf(directory);
  const device = await openDevice("wasm", { threads });
  try {
    const parts = { config: config.model, vocabulary, scales: config.scales, missing: config.missing };
    const model = createFusionModel(device, parts, 0);
    await readWeights(model, join(directory, "model.safetensors"));
    const head = await readHead(model);
    // A gradient is wanted of what goes in, never of the weights.
    for (const { tensor } of model.parameters) tensor.requiresGrad = false;
    const { name, version, trainedOn } = config;
    return {
      ...predictor(model, calibration, name),
      identity: { name, version, hash, training: trainedOn },
      ...(config.model.fusion === "attention" && {
        relevance: async (input: ModelInput, how?: RelevanceOptions) =>
          (await relevanceOf(model, head, calibration, input, how)) as Relevance,
      }),
    };
  } catch (error) {
    await device.close();
    throw error;
  }
}

async function readText(directory: string, file: string): Promise<string> {
  try {
    return await readFile(join(directory, file), "utf8");
  } catch (error) {
    throw new Error(
      `${directory} is no diagnosis model: ${file} cannot be read (${(error as Error).message}); \`baltoro clinic train\` writes one`,
    );
  }
}

function parseConfig(json: string, path: string): SavedConfig {
  const value = parseJson(json, path) as Partial<SavedConfig>;
  const fail = (why: string): never => {
    throw new Error(`${path}: ${why}`);
  };
  if (typeof value.name !== "string" || typeof value.version !== "string") fail("name and version are missing");
  if (!["synthetic", "local", "research"].includes(value.trainedOn ?? "")) fail(`trainedOn is ${value.trainedOn}`);
  if (!value.model) fail("model is missing");
  if (!Array.isArray(value.scales) || !Array.isArray(value.missing)) fail("scales and missing must be lists");
  checkConfig((value as SavedConfig).model, path);
  return value as SavedConfig;
}

function parseCalibration(json: string, path: string): (Calibration | null)[] {
  const value = parseJson(json, path) as Record<string, Partial<Calibration> | null | undefined>;
  return diseases.map((disease) => {
    const one = value[disease];
    if (one === null) return null;
    if (!one || !(Number(one.scale) > 0) || !Number.isFinite(one.bias))
      throw new Error(`${path}: ${disease} needs a scale above 0 and a bias, or null`);
    return { scale: Number(one.scale), bias: Number(one.bias) };
  });
}

function parseJson(json: string, path: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`);
  }
}

async function readWeights(model: FusionModel, path: string): Promise<void> {
  const file = await openSafetensors(path);
  try {
    for (const { name, tensor, pretraining } of model.parameters) {
      if (pretraining) continue;
      if (!file.has(name)) throw new Error(`${path}: the tensor ${name} is missing; config.json is of another model`);
      const { shape } = file.info(name);
      if (shape.join() !== tensor.shape.join())
        throw new Error(
          `${path}: ${name} has shape [${shape.join(", ")}], config.json asks for [${tensor.shape.join(", ")}]`,
        );
      tensor.write(await file.readFloat32(name));
    }
  } finally {
    await file.close();
  }
}

/** SHA-256, hex, of all that a result depends on. */
export async function hashOf(directory: string): Promise<string> {
  const hash = createHash("sha256");
  for (const file of hashedFiles) {
    const path = join(directory, file);
    if (file === "assess.json" && !existsSync(path)) continue;
    const bytes = await readFile(path);
    hash.update(`${file} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest("hex");
}
