import { createModel, initializeWeights, type K2Config, type K2Model, namedWeights } from "@baltoro/k2";
import type { Device } from "@baltoro/tensor";

/** A model whose weights, router biases among them, depend on the seed. */
export function drawModel(device: Device, config: K2Config, seed: number): K2Model {
  const model = createModel(device, config);
  initializeWeights(model, { seed, standardDeviation: 0.3 });
  for (const { moe } of model.weights.layers) moe?.bias.write(Float32Array.from([0.1, -0.2, 0.3, seed]));
  return model;
}

/** All weights of a model by name. */
export async function valuesOf(model: K2Model): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  for (const { name, tensor } of namedWeights(model.weights)) values.set(name, Float32Array.from(await tensor.read()));
  return values;
}
