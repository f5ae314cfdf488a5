import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createModel,
  initializeWeights,
  type K2Config,
  preset,
  saveTokenizer,
  saveWeights,
  Tokenizer,
} from "@baltoro/k2";
import { openDevice } from "@baltoro/tensor";

/** A checkpoint of random weights whose tokens are the 256 bytes. */
export interface TinyCheckpoint extends AsyncDisposable {
  readonly directory: string;
}

/** Writes one into a temporary directory. Weights are wide enough for texts to depend on every token. */
export async function tinyCheckpoint(
  options: { seed?: number; config?: Partial<K2Config>; card?: object } = {},
): Promise<TinyCheckpoint> {
  const directory = await mkdtemp(join(tmpdir(), "baltoro-serving-"));
  const device = await openDevice("wasm", { threads: 1 });
  const config: K2Config = { ...preset("k2-tiny"), initializerRange: 0.3, ...options.config };
  const model = createModel(device, config);
  initializeWeights(model, { seed: options.seed ?? 1 });
  await saveWeights(model, directory, "F32");
  await saveTokenizer(new Tokenizer(Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte))), directory);
  await writeFile(join(directory, "baltoro.json"), JSON.stringify({ name: "tiny", ...options.card }));
  await device.close();
  return { directory, [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) };
}
