/** Times steps of k2-nano on one rank: for bench/ranks.ts, as a thread and as a program of its own. */
import { createModel, initializeWeights, preset } from "@baltoro/k2";
import { type BufferHandle, type Device, openDevice } from "@baltoro/tensor";
import {
  type Communicator,
  createTrainStep,
  joinGroup,
  muonClip,
  type RankContext,
  ranksFromEnvironment,
} from "@baltoro/training";

export interface RankStepsTask {
  readonly threads: number;
  readonly steps: number;
}

export interface RankSteps {
  /** Milliseconds of each step after the first two. */
  readonly steps: readonly number[];
  /** Of these, spent in collectives with the device's queue empty: copying, adding up, and waiting for the other rank. */
  readonly collectives: readonly number[];
  readonly loss: number;
}

export const sequences = 8;
export const sequenceLength = 512;

export async function timeRankSteps(
  { threads, steps }: RankStepsTask,
  { rank, size }: { readonly rank: number; readonly size: number },
  join: ((device: Device) => Communicator | Promise<Communicator>) | null,
): Promise<RankSteps> {
  const device = await openDevice("wasm", { threads });
  const communicator = await join?.(device);
  const model = createModel(device, preset("k2-nano"), { trainable: true });
  initializeWeights(model, { seed: 1 });
  let inCollectives = 0;
  const timed = (buffer: BufferHandle, act: () => void) => {
    device.backend.hostView?.(buffer, "f32", 1);
    const start = performance.now();
    act();
    inCollectives += performance.now() - start;
  };
  const step = createTrainStep(model, muonClip({}), {
    batchSize: sequences / size,
    sequenceLength,
    ...(communicator
      ? {
          communicator: {
            ...communicator,
            allReduce: (...args) => timed(args[0], () => communicator.allReduce(...args)),
            reduceScatter: (...args) => timed(args[0], () => communicator.reduceScatter(...args)),
            allGather: (...args) => timed(args[0], () => communicator.allGather(...args)),
          },
        }
      : {}),
  });
  const rows = sequences * sequenceLength;
  const part = (ids: Int32Array) => ids.subarray((rank * rows) / size, ((rank + 1) * rows) / size);
  const ids = (seed: number) => Int32Array.from({ length: rows }, (_, i) => (((i + 1) * 2654435761 * seed) % 3840) | 0);
  const batch = {
    tokens: part(ids(1)),
    targets: part(ids(3)),
    positions: part(Int32Array.from({ length: rows }, (_, i) => i % sequenceLength)),
    documents: part(new Int32Array(rows)),
  };
  const times: number[] = [];
  const collectives: number[] = [];
  let loss = 0;
  for (let i = 0; i < steps + 2; i++) {
    const start = performance.now();
    inCollectives = 0;
    step.run([batch], { learningRate: 2e-3, step: i });
    ({ loss } = await step.metrics());
    if (i < 2) continue;
    times.push(performance.now() - start);
    collectives.push(inCollectives);
  }
  await communicator?.close();
  await device.close();
  return { steps: times, collectives, loss };
}

export async function rank(context: RankContext, task: unknown): Promise<RankSteps> {
  return timeRankSteps(task as RankStepsTask, context, (device) => context.communicator(device));
}

if (import.meta.main) {
  const place = ranksFromEnvironment();
  if (!place) throw new Error("started by bench/ranks.ts");
  const task = JSON.parse(process.argv[2]) as RankStepsTask;
  console.log(JSON.stringify(await timeRankSteps(task, place, (device) => joinGroup(device, place))));
}
