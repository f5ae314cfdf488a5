/** Times steps of one rank on its GPU: a program of its own, started by ranks-cuda.ts. */
import { createModel } from "@baltoro/k2";
import { countGpus, createDevice, openCudaBackend } from "@baltoro/tensor";
import {
  createTrainStep,
  expertParallel,
  gpuOfRank,
  joinGroup,
  muonClip,
  ranksFromEnvironment,
} from "@baltoro/training";
import { drawWeights } from "./random-weights.ts";
import { drawBatch, shapes } from "./train-cuda.ts";

export interface RankStepsCudaTask {
  readonly shape: string;
  /** Sequences of each rank. */
  readonly batch: number;
  readonly sequence: number;
  readonly steps: number;
  readonly expertParallel: boolean;
  /** Replay captured steps. */
  readonly captured: boolean;
}

export interface RankStepsCuda {
  readonly gpu: string;
  /** Of a step, over all timed ones. */
  readonly milliseconds: number;
  /** In which the host enqueues one. */
  readonly hostMilliseconds: number;
  readonly memoryGb: number;
  readonly loss: number;
}

/** Steps before the clock: enqueued twice, captured, replayed. */
const warmup = 5;

async function timeRank(task: RankStepsCudaTask): Promise<RankStepsCuda> {
  const { shape, batch, sequence, steps, captured } = task;
  const place = ranksFromEnvironment();
  if (!place) throw new Error("started by bench ranks --device cuda");
  const config = shapes[shape];
  const backend = await openCudaBackend({ ordinal: gpuOfRank(place, countGpus()) });
  const device = createDevice(backend);
  const communicator = place.size > 1 ? await joinGroup(device, place) : undefined;
  try {
    const model = createModel(device, config, {
      trainable: true,
      ...(communicator && task.expertParallel ? { experts: expertParallel(communicator, config) } : {}),
    });
    drawWeights(model);
    const step = createTrainStep(model, muonClip({}), {
      ...{ batchSize: batch, sequenceLength: sequence, captured },
      ...(communicator ? { communicator } : {}),
    });
    const micro = drawBatch(config, batch, sequence);
    let index = 0;
    const run = () => step.run([micro], { learningRate: 2e-3, step: index++ });
    for (let i = 0; i < warmup; i++) run();
    await step.metrics();
    await communicator?.barrier();
    const start = performance.now();
    for (let i = 0; i < steps; i++) run();
    const enqueued = performance.now() - start;
    const { loss } = await step.metrics();
    const milliseconds = (performance.now() - start) / steps;
    const memoryGb = backend.stats().reservedBytes / 1e9;
    return { gpu: backend.gpu.name, milliseconds, hostMilliseconds: enqueued / steps, memoryGb, loss };
  } catch (error) {
    communicator?.abort((error as Error).message);
    throw error;
  } finally {
    await communicator?.close();
  }
}

if (import.meta.main) {
  try {
    console.log(JSON.stringify(await timeRank(JSON.parse(process.argv[2]) as RankStepsCudaTask)));
    process.exit(0);
  } catch (error) {
    console.error((error as Error).stack);
    process.exit(1);
  }
}
