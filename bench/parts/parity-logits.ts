import { createModel, forwardLogits, type HeldExperts, loadWeights, readConfig, routedExperts } from "@baltoro/k2";
import {
  divide,
  gather,
  linear,
  multiply,
  openDevice,
  openSafetensors,
  scope,
  sigmoid,
  sum,
  type Tensor,
  tensor,
} from "@baltoro/tensor";
import { runPeer } from "../peers/python.ts";

/**
 * RMS errors of bf16 logits to transformers' f32 ones, over the RMS of those: ours and transformers' own. Both take the experts that the
 * f32 run has chosen, with weights from their own scores.
 */
export async function logitsInBf16(python: string, folder: string, deviceName: string) {
  const peer = runPeer(python, "parity.py", ["logits", folder]);
  const config = await readConfig(folder);
  const file = await openSafetensors(`${folder}/expected.safetensors`);
  const ints = async (name: string) => new Int32Array((await file.read(name)).slice().buffer);
  const { shape } = file.info("input_ids");
  const ids = await ints("input_ids");
  const expected = await file.readFloat32("logits");
  const device = await openDevice(deviceName, deviceName === "cuda" ? { precision: "bf16" } : {});
  const choices: Tensor[] = [];
  for (let i = 0; i < config.numHiddenLayers - config.firstKDenseReplace; i++)
    choices.push(tensor(device, await ints(`experts.${i}`), [ids.length, config.numExpertsPerTok], "i32"));
  await file.close();
  let layer = 0;
  const forced: HeldExperts = {
    first: 0,
    count: config.nRoutedExperts,
    mix(x, _routing, experts, of) {
      const indices = choices[layer++];
      const { moe } = model.weights.layers[config.firstKDenseReplace + layer - 1];
      if (!moe) throw new Error("a layer without experts was given tokens");
      const scores = gather(sigmoid(linear(x, moe.router, undefined, "f32")), indices);
      const total = sum(scores, { axis: 1, keepAxis: true });
      const scale = tensor(device, [config.routedScalingFactor], [1, 1]);
      return routedExperts(x, { indices, weights: multiply(divide(scores, total), scale) }, experts, of);
    },
    gather: () => Promise.reject(new Error("nothing is saved here")),
  };
  const model = createModel(device, config, { experts: forced });
  await loadWeights(model, folder);
  const logits = scope(device, () =>
    forwardLogits(model, {
      tokens: tensor(device, ids, shape, "i32"),
      positions: tensor(
        device,
        ids.map((_, i) => i % shape[1]),
        [ids.length],
        "i32",
      ),
      documents: tensor(device, new Int32Array(ids.length), shape, "i32"),
    }),
  );
  const actual = await logits.read();
  await device.close();
  let [error, power] = [0, 0];
  for (const [i, value] of expected.entries()) {
    error += (actual[i] - value) ** 2;
    power += value ** 2;
  }
  return { ours: Math.sqrt(error / power), theirs: Number(peer["rmsError"]), peer };
}
