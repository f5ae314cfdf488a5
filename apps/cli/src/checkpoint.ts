import { createModel, type K2Model, loadTokenizer, loadWeights, readConfig, type Tokenizer } from "@baltoro/k2";
import { type Device, openDevice } from "@baltoro/tensor";
import { integerOption } from "./usage.ts";

/** A checkpoint ready to be used. */
export interface OpenCheckpoint {
  readonly device: Device;
  readonly model: K2Model;
  readonly tokenizer: Tokenizer;
}

/** Opens a device and loads config, weights and tokenizer of a checkpoint directory. */
export async function openCheckpoint(
  directory: string,
  options: { device?: string | undefined; threads?: string | undefined },
): Promise<OpenCheckpoint> {
  const config = await readConfig(directory);
  const tokenizer = await loadTokenizer(directory);
  if (tokenizer.vocabSize !== config.vocabSize) {
    throw new Error(
      `${directory}: the tokenizer has ${tokenizer.vocabSize} ids, the model ${config.vocabSize}; they do not belong together`,
    );
  }
  const threads = integerOption("threads", options.threads);
  const device = await openDevice(options.device ?? "auto", threads === undefined ? {} : { threads });
  const model = createModel(device, config);
  await loadWeights(model, directory);
  return { device, model, tokenizer };
}
