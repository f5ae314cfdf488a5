import { normal, openDevice, openSafetensors, persistent, scope, tensor, writeSafetensors } from "@baltoro/tensor";
import { muon } from "@baltoro/training";
import { runPeer } from "../peers/python.ts";

const shapes: Readonly<Record<string, readonly [number, number]>> = {
  wide: [128, 384],
  tall: [512, 192],
  square: [256, 256],
};
const steps = 20;
const learningRate = 0.02;

/** Normal numbers, scaled; a part of each gradient is the same in all steps, as a loss's is. */
function draw(seed: number, [n, m]: readonly [number, number], scale: number): Float32Array {
  return normal(seed, 0, n * m, scale);
}

/** Largest ‖W − W′‖ / ‖W₂₀ − W₀‖ over the shapes between our Muon in f32 and PyTorch's: in f32, and as it is. */
export async function muonSteps(python: string, folder: string, deviceName: string) {
  const names = Object.keys(shapes);
  const weights = new Map(names.map((name, i) => [name, draw(100 + i, shapes[name], 0.05)]));
  const gradients = Array.from({ length: steps }, (_, step) =>
    names.map((name, i) => {
      const [common, own] = [draw(200 + i, shapes[name], 1e-3), draw(300 + 10 * step + i, shapes[name], 1e-3)];
      return common.map((value, at) => value + own[at]);
    }),
  );
  const stored = (name: string, shape: readonly number[], values: Float32Array) =>
    ({ name, dtype: "F32", shape, values: () => values }) as const;
  const given = `${folder}/steps.safetensors`;
  await writeSafetensors(given, [
    ...names.map((name) => stored(`w.${name}`, shapes[name], weights.get(name) as Float32Array)),
    ...gradients.flatMap((of, step) => names.map((name, i) => stored(`g.${step}.${name}`, shapes[name], of[i]))),
  ]);
  const peer = runPeer(python, "parity.py", ["muon", given, `${folder}/muon.safetensors`]);

  const device = await openDevice(deviceName, deviceName === "cuda" ? { precision: "f32" } : {});
  const parameters = names.map((name) => {
    const weight = persistent(device, shapes[name], "f32", name);
    weight.write(weights.get(name) as Float32Array);
    weight.grad = persistent(device, shapes[name], "f32", `gradient of ${name}`);
    weight.gradDefined = true;
    return { name, tensor: weight, group: "muon" as const };
  });
  const optimizer = muon({ momentum: 0.95, nesterov: true, weightDecay: 0.1 });
  const state = optimizer.init(device, parameters);
  for (const [step, of] of gradients.entries()) {
    for (const [i, parameter] of parameters.entries()) parameter.tensor.grad?.write(of[i]);
    optimizer.write(state, { learningRate, step });
    scope(device, () => optimizer.update(state, tensor(device, [1], [1])));
  }
  const ours = await Promise.all(parameters.map((parameter) => parameter.tensor.read()));
  await device.close();
  const file = await openSafetensors(`${folder}/muon.safetensors`);
  const largest = async (label: string) => {
    let worst = 0;
    for (const [i, name] of names.entries()) {
      const theirs = await file.readFloat32(`${label}.${name}`);
      const start = weights.get(name) as Float32Array;
      let [difference, path] = [0, 0];
      for (const [at, value] of theirs.entries()) {
        difference += (ours[i][at] - value) ** 2;
        path += (value - start[at]) ** 2;
      }
      worst = Math.max(worst, Math.sqrt(difference / path));
    }
    return worst;
  };
  const result = { f32: await largest("f32"), asIs: await largest("as-is"), peer };
  await file.close();
  return result;
}
