import { type Device, type DeviceOptions, openDevice } from "@baltoro/tensor";
import { loadWeights } from "./checkpoint.ts";
import { readConfig } from "./config.ts";
import { createModel, type K2Model } from "./model/index.ts";
import { loadTokenizer, type Tokenizer } from "./tokenizer/index.ts";

/** A checkpoint ready to be used. Close the device to give everything back. */
export interface OpenCheckpoint {
  readonly device: Device;
  readonly model: K2Model;
  readonly tokenizer: Tokenizer;
}

/**
 * Opens a device and loads config, tokenizer and weights of a checkpoint directory. With `precision` "fp8" projections stay in e4m3 on the
 * device: those of an FP8 checkpoint as they are in the file.
 *
 * @throws if a file is missing or damaged, or if they do not belong together, naming the file.
 */
export async function openCheckpoint(
  directory: string,
  options: DeviceOptions & { readonly device?: string } = {},
): Promise<OpenCheckpoint> {
  const config = await readConfig(directory);
  const tokenizer = await loadTokenizer(directory);
  if (tokenizer.vocabSize !== config.vocabSize) {
    throw new Error(
      `${directory}: the tokenizer has ${tokenizer.vocabSize} ids, the model ${config.vocabSize}; they do not belong together`,
    );
  }
  const device = await openDevice(options.device, options);
  try {
    const matrices = options.precision === "fp8" ? "fp8e4m3" : device.backend.activations;
    const model = createModel(device, config, { matrices });
    await loadWeights(model, directory);
    return { device, model, tokenizer };
  } catch (error) {
    await device.close();
    throw error;
  }
}
