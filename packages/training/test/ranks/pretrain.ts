/** What every rank does in ranks-pretrain.test.ts: a whole run on its part of the batch. */
import { presets } from "@baltoro/k2";
import { openDevice } from "@baltoro/tensor";
import { defaultPretrainConfig, type Progress, pretrain, type RankContext } from "@baltoro/training";

export interface PretrainTask {
  readonly data: string;
  readonly directory: string;
  readonly resume?: boolean;
  /** Rank 0 asks for a stop after this step. */
  readonly stopAt?: number;
  /** A rank that was started with another learning rate. */
  readonly odd?: number;
  readonly expertParallel?: boolean;
}

export async function rank(context: RankContext, task: unknown): Promise<{ step: number; log: string[] }> {
  const { data, directory, resume = false, stopAt, odd, expertParallel = false } = task as PretrainTask;
  const device = await openDevice("wasm", { threads: 1 });
  const stop = new AbortController();
  const log: string[] = [];
  const progress: Progress = {
    update({ step }) {
      if (step === stopAt) stop.abort();
    },
    log(line) {
      log.push(line);
    },
    finish() {},
  };
  const config = defaultPretrainConfig({
    data: [data],
    model: { ...presets["k2-tiny"], vocabSize: 530, bosTokenId: 528, eosTokenId: 529 },
    steps: 10,
    batchSize: 4,
    sequenceLength: 32,
    accumulation: 2,
    checkpointEvery: 10,
    validateEvery: 5,
    ...(odd === context.rank ? { learningRate: 1 } : {}),
  });
  const communicator = context.size > 1 ? context.communicator(device) : undefined;
  const { step } = await pretrain(config, {
    device,
    directory,
    resume,
    progress,
    signal: stop.signal,
    expertParallel,
    ...(communicator ? { communicator } : {}),
  });
  await device.close();
  return { step, log };
}
