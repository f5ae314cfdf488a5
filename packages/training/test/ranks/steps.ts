/** What every rank does in ranks.test.ts: steps of k2-tiny on its rows of the batch. As threads, and as a program of its own. */
import { isMainThread } from "node:worker_threads";
import { createModel, initializeWeights, namedWeights, preset } from "@baltoro/k2";
import { openDevice } from "@baltoro/tensor";
import {
  type Communicator,
  createTrainStep,
  expertParallel,
  joinGroup,
  type MicroBatch,
  muonClip,
  type RankContext,
  ranksFromEnvironment,
  type StepMetrics,
} from "@baltoro/training";

export interface StepsTask {
  readonly steps: number;
  /** One after the other, each from the beginning. */
  readonly trainings: readonly {
    readonly accumulation: number;
    /** A mistake: this all-reduce of every step (0 target counts, 1 loss, 2 logits, 3 loads, 4 gradient norm) is left out. */
    readonly without?: number;
    /** Divide the experts among the ranks. */
    readonly experts?: boolean;
  }[];
  /** Rank and step at which a process kills itself, or a thread ends. */
  readonly killed?: readonly [rank: number, step: number];
  /** Rank and step at which a rank stops for good without dying. */
  readonly hung?: readonly [rank: number, step: number];
}

export interface Training {
  readonly metrics: readonly StepMetrics[];
  /** Of the bits of the weights that every rank has: the same on all of them, or they have drifted apart. */
  readonly checksum: number;
  readonly optimizerBytes: number;
}

const allReducesPerStep = 5;
const [batchSize, sequenceLength] = [4, 32];
const config = preset("k2-tiny");

/** Rows of a batch of random text. Each has another number of targets: the ranks' means must not count alike. */
function rowsOf(step: number, micro: number, rank: number, size: number): MicroBatch {
  let state = (step * 31 + micro * 17 + 5) >>> 0;
  const next = (n: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  const count = batchSize * sequenceLength;
  const whole = {
    tokens: Int32Array.from({ length: count }, () => next(200)),
    targets: new Int32Array(count),
    positions: Int32Array.from({ length: count }, (_, i) => i % sequenceLength),
    documents: new Int32Array(count),
  };
  for (let i = 0; i < count; i++) {
    const row = Math.floor(i / sequenceLength);
    // Row 0 of every third step has no target at all.
    const ignored = next(4) < row || (row === 0 && step % 3 === 0);
    whole.targets[i] = ignored ? -1 : (whole.tokens[i] * 7 + 1) % 200;
  }
  const [from, to] = [(rank * count) / size, ((rank + 1) * count) / size];
  return {
    tokens: whole.tokens.subarray(from, to),
    targets: whole.targets.subarray(from, to),
    positions: whole.positions.subarray(from, to),
    documents: whole.documents.subarray(from, to),
  };
}

/** Trains on a device of one thread. `join` makes the rank's communicator, none for one rank alone. */
export async function trainSteps(
  task: StepsTask,
  place: { readonly rank: number; readonly size: number },
  join: ((device: Awaited<ReturnType<typeof openDevice>>) => Communicator | Promise<Communicator>) | null,
): Promise<Training[]> {
  const device = await openDevice("wasm", { threads: 1 });
  const communicator = (await join?.(device)) ?? undefined;
  const trainings: Training[] = [];
  for (const { accumulation, without, experts } of task.trainings) {
    using model = createModel(device, config, {
      trainable: true,
      ...(experts && communicator ? { experts: expertParallel(communicator, config) } : {}),
    });
    initializeWeights(model, { seed: 1 });
    const step = createTrainStep(model, muonClip({ tau: 0.02 }), {
      batchSize: batchSize / place.size,
      sequenceLength,
      accumulation,
      balanceRate: 1e-2,
      ...(communicator ? { communicator: withoutAllReduce(communicator, without) } : {}),
    });
    const metrics: StepMetrics[] = [];
    for (let i = 0; i < task.steps; i++) {
      const due = (at: readonly [number, number] | undefined) => at?.[0] === place.rank && at[1] === i;
      if (due(task.killed) && isMainThread) process.kill(process.pid, "SIGKILL");
      if (due(task.killed)) process.exit(3);
      if (due(task.hung)) await new Promise((resolve) => setTimeout(resolve, 60_000));
      const batches = Array.from({ length: accumulation }, (_, micro) => rowsOf(i, micro, place.rank, place.size));
      step.run(batches, { learningRate: 4e-3, step: i });
      metrics.push(await step.metrics());
    }
    let checksum = 0;
    for (const { name, tensor } of namedWeights(model.weights)) {
      if (experts && name.includes("*")) continue;
      const values = new Int32Array(Float32Array.from(await tensor.read()).buffer);
      for (const value of values) checksum = (Math.imul(checksum, 31) + value) | 0;
    }
    const held = [...muonClip().tensors(step.optimizerState).values()];
    const optimizerBytes = held.reduce((sum, { size }) => sum + 4 * size, 0);
    trainings.push({ metrics, checksum, optimizerBytes });
  }
  await communicator?.close();
  await device.close();
  return trainings;
}

function withoutAllReduce(communicator: Communicator, without: number | undefined): Communicator {
  let calls = 0;
  return {
    ...communicator,
    allReduce(buffer, count, op) {
      if (calls++ % allReducesPerStep !== without) communicator.allReduce(buffer, count, op);
    },
  };
}

export async function rank(context: RankContext, data: unknown): Promise<Training[]> {
  return trainSteps(data as StepsTask, context, (device) => context.communicator(device));
}

if (import.meta.main) {
  const place = ranksFromEnvironment();
  if (!place) throw new Error("this program is a rank: start it with RANK and WORLD_SIZE");
  const task = JSON.parse(process.argv[2]) as StepsTask;
  try {
    console.log(JSON.stringify(await trainSteps(task, place, (device) => joinGroup(device, place))));
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}
