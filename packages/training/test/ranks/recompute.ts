/** What every rank does in ranks-recompute.test.ts: steps of k2-tiny with divided experts, for each way to keep activations. */
import { type ActivationOptions, createModel, initializeWeights, namedWeights, preset } from "@baltoro/k2";
import { openDevice } from "@baltoro/tensor";
import { createTrainStep, expertParallel, type MicroBatch, muonClip, type RankContext } from "@baltoro/training";

const [batchSize, sequenceLength, accumulation, steps] = [2, 32, 2, 3];
const config = preset("k2-tiny");

function microBatch(seed: number): MicroBatch {
  const rows = batchSize * sequenceLength;
  const draw = (salt: number) =>
    Int32Array.from({ length: rows }, (_, i) => (Math.imul(i + 1, 2654435761) >>> (seed + salt)) % 200);
  const positions = Int32Array.from({ length: rows }, (_, i) => i % sequenceLength);
  return { tokens: draw(1), targets: draw(3), positions, documents: new Int32Array(rows) };
}

/** Loss and gradient norm of each step, and the weights that the rank ends with. */
export async function rank(context: RankContext, data: unknown) {
  const device = await openDevice("wasm", { threads: 1 });
  const communicator = await context.communicator(device);
  const results: { readonly metrics: number[]; readonly weights: number[][] }[] = [];
  for (const activations of data as readonly ActivationOptions[]) {
    using model = createModel(device, config, { trainable: true, experts: expertParallel(communicator, config) });
    initializeWeights(model, { seed: 1 });
    const shape = { batchSize, sequenceLength, accumulation };
    const step = createTrainStep(model, muonClip({ tau: 0.02 }), { ...shape, ...activations, communicator });
    const metrics: number[] = [];
    for (let i = 0; i < steps; i++) {
      const batches = Array.from({ length: accumulation }, (_, micro) => microBatch(4 * i + 2 * micro + context.rank));
      step.run(batches, { learningRate: 4e-3, step: i });
      const { loss, gradientNorm } = await step.metrics();
      metrics.push(loss, gradientNorm);
    }
    const weights = await Promise.all(namedWeights(model.weights).map(({ tensor }) => tensor.read()));
    results.push({ metrics, weights: weights.map((values) => Array.from(values)) });
  }
  await communicator.close();
  await device.close();
  return results;
}
